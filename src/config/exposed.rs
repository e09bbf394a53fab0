//! What others on the machine or on the way could read.

use std::net::SocketAddr;
use std::path::Path;

use super::Config;

impl Config {
    /// The files that hold secrets, each with its key.
    pub fn secret_files(&self) -> Vec<(&'static str, &Path)> {
        let influx = self.influx.as_ref().and_then(|influx| influx.secret_file.as_deref());
        let of_http = self.http.tls.as_ref().map(|tls| tls.key.as_path());
        let of_mqtt = self.mqtt.tls.as_ref().map(|tls| tls.key.as_path());
        let mut files = Vec::new();
        files.extend(influx.map(|path| ("influx.secret_file", path)));
        files.extend(of_http.map(|path| ("http.tls.key", path)));
        files.extend(of_mqtt.map(|path| ("mqtt.tls.key", path)));
        for channel in &self.channel {
            let secret = channel.secret_file.as_deref();
            files.extend(secret.map(|path| ("channel.secret_file", path)));
        }
        for broker in &self.broker {
            let key = broker.tls.as_ref().and_then(|tls| tls.key.as_deref());
            let password = broker.password_file.as_deref();
            files.extend(password.map(|path| ("broker.password_file", path)));
            files.extend(key.map(|path| ("broker.tls.key", path)));
        }
        files
    }

    /// The certificates that the gateway shows, each with its key.
    pub fn own_certificates(&self) -> Vec<(&'static str, &Path)> {
        let http = self.http.tls.as_ref().map(|tls| tls.certificate.as_path());
        let mqtt = self.mqtt.tls.as_ref().map(|tls| tls.certificate.as_path());
        let mut files = Vec::new();
        files.extend(http.map(|path| ("http.tls.certificate", path)));
        files.extend(mqtt.map(|path| ("mqtt.tls.certificate", path)));
        files
    }

    /// The addresses that other machines reach without TLS, each with its key.
    pub fn readable_on_the_way(&self) -> Vec<(&'static str, SocketAddr)> {
        let all = [("http.listen", Some(self.http.listen)), ("mqtt.listen", self.mqtt.listen)];
        let reached = all.into_iter().filter_map(|(key, address)| Some((key, address?)));
        reached.filter(|(_, address)| !address.ip().is_loopback()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_secret_and_every_address_without_tls_is_named() {
        let text = r#"
[http]
listen = "0.0.0.0:8080"
token = [{ name = "n", role = "viewer", sha256 = "SHA" }]
[http.tls]
listen = "0.0.0.0:8443"
certificate = "hc"
key = "hk"
[mqtt]
listen = "192.0.2.1:1883"
authentication = "required"
[mqtt.tls]
listen = "0.0.0.0:8883"
certificate = "c"
key = "k"
[influx]
url = "http://a"
org = "o"
bucket = "b"
secret_file = "s"
[[channel]]
id = "w"
kind = "webhook"
url = "https://a"
secret_file = "ws"
[[broker]]
id = "b"
host = "h"
user = "u"
password_file = "p"
tls = { ca = "ca", certificate = "bc", key = "bk" }
"#;
        let text = text.replace("SHA", &"0".repeat(64));
        let config = Config::parse(&text, Path::new("/etc/gateway.toml")).unwrap();
        let files = config.secret_files();
        let keys: Vec<_> = files.iter().map(|(key, path)| (*key, path.to_str().unwrap())).collect();
        assert_eq!(
            keys,
            [
                ("influx.secret_file", "/etc/s"),
                ("http.tls.key", "/etc/hk"),
                ("mqtt.tls.key", "/etc/k"),
                ("channel.secret_file", "/etc/ws"),
                ("broker.password_file", "/etc/p"),
                ("broker.tls.key", "/etc/bk"),
            ]
        );
        let shown = config.own_certificates();
        let shown: Vec<_> =
            shown.iter().map(|(key, path)| (*key, path.to_str().unwrap())).collect();
        let of = [("http.tls.certificate", "/etc/hc"), ("mqtt.tls.certificate", "/etc/c")];
        assert_eq!(shown, of);
        let exposed: Vec<_> = config.readable_on_the_way().iter().map(|(key, _)| *key).collect();
        assert_eq!(exposed, ["http.listen", "mqtt.listen"], "TLS is no matter");
        assert_eq!(Config::built_in().unwrap().readable_on_the_way(), []);
    }
}
