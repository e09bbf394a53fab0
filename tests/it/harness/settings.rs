//! Another configuration, at once or from the next start on.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::Gateway;

impl Gateway {
    /// SIGKILL, and the same store again under other rules.
    pub(crate) fn restart_under(&mut self, rules: &str) {
        self.kill();
        fs::write(self.dir.path().join("rules.toml"), rules).unwrap();
        self.launch();
    }

    /// SIGHUP, after `rules.toml`, `signals.toml` or `teams.toml` was written anew.
    pub(crate) fn reload(&self, file: &str, text: &str) {
        fs::write(self.dir.path().join(file), text).unwrap();
        self.signal("HUP");
    }

    /// Its configuration.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.dir.path().join("gateway.toml")
    }

    /// Another port for the broker, from the next start on.
    pub(crate) fn point_at(&self, broker: &str, port: u16) {
        let file = self.dir.path().join("gateway.toml");
        let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        let brokers = config["broker"].as_array_mut().unwrap();
        let named = |b: &&mut toml::Value| b["id"].as_str() == Some(broker);
        let broker = brokers.iter_mut().find(named).unwrap();
        broker["port"] = toml::Value::Integer(port.into());
        fs::write(file, config.to_string()).unwrap();
    }

    /// Another setting, from the next start on.
    pub(crate) fn set(&self, section: &str, key: &str, value: &Value) {
        let file = self.dir.path().join("gateway.toml");
        let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
        let value = toml::Value::try_from(value).unwrap();
        section.as_table_mut().unwrap().insert(key.to_owned(), value);
        fs::write(file, config.to_string()).unwrap();
    }

    /// Another section as a whole, from the next start on.
    pub(crate) fn set_section(&self, name: &str, content: &Value) {
        let file = self.dir.path().join("gateway.toml");
        let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        config.insert(name.to_owned(), toml::Value::try_from(content).unwrap());
        fs::write(file, config.to_string()).unwrap();
    }

    /// No broker any more, from the next start on.
    pub(crate) fn forget_brokers(&self) {
        let file = self.dir.path().join("gateway.toml");
        let mut config: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
        config.remove("broker");
        fs::write(file, config.to_string()).unwrap();
    }
}
