//! A gateway process that is started, killed and started again on the same ports.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::Context;
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use crate::clock;
use crate::http::Api;

/// How long a start may take, recovery included.
const READY_WITHIN: Duration = Duration::from_secs(60);
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How much of its log is shown when it does not come up.
const LOG_SHOWN: u64 = 2000;

/// The configuration of a gateway under test. `{dir}`, `{mqtt}` and `{http}` are filled in. The
/// site is fixed: the ids of alarms are made from it.
pub const CONFIG: &str = r#"[site]
id = "chaos"

[store]
dir = "{dir}"

[mqtt]
listen = "{mqtt}"

[http]
listen = "{http}"

[devices]
unknown = "admit"
"#;

/// The store's file in the gateway's folder.
pub const DATABASE: &str = "vitalgate.db";

/// A gateway with a store and ports of its own.
#[derive(Debug)]
pub(super) struct Gateway {
    binary: PathBuf,
    arguments: Vec<OsString>,
    log: PathBuf,
    store: PathBuf,
    mqtt: SocketAddr,
    api: Api,
    child: Option<Child>,
}

impl Gateway {
    /// Prepares `dir` for a gateway with a new store; `binary` is run with
    /// `run --config <file>` and `more`.
    pub(super) fn prepare(
        binary: &Path,
        more: &[String],
        config: &str,
        dir: &Path,
    ) -> anyhow::Result<Self> {
        let store = dir.join("store");
        fs::create_dir_all(&store).with_context(|| format!("cannot make {}", store.display()))?;
        anyhow::ensure!(
            fs::read_dir(&store)?.next().is_none(),
            "{} holds an older store; name a new folder by --dir or delete it",
            store.display()
        );
        let store = store.canonicalize()?;
        let [mqtt, http] = free_ports()?;
        let text = config
            .replace("{dir}", &store.display().to_string())
            .replace("{mqtt}", &mqtt.to_string())
            .replace("{http}", &http.to_string());
        let file = dir.join("gateway.toml");
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        let mut arguments = vec!["run".into(), "--open".into(), "--config".into(), file.into()];
        arguments.extend(more.iter().map(OsString::from));
        Ok(Self {
            binary: binary.to_owned(),
            arguments,
            log: dir.join("gateway.log"),
            store,
            mqtt,
            api: Api::new(&format!("http://{http}"), None),
            child: None,
        })
    }

    pub(super) fn mqtt(&self) -> SocketAddr {
        self.mqtt
    }

    pub(super) fn api(&self) -> Api {
        self.api.clone()
    }

    pub(super) fn database(&self) -> PathBuf {
        self.store.join(DATABASE)
    }

    /// Starts the process and waits until it is ready.
    pub(super) async fn start(&mut self) -> anyhow::Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let child = Command::new(&self.binary)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start the gateway {}", self.binary.display()))?;
        let child = self.child.insert(child);
        let begin = clock::monotonic();
        loop {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("the gateway ended by itself ({status}): {}", tail(&self.log));
            }
            let api = self.api.clone();
            if matches!(spawn_blocking(move || api.readiness()).await?, Ok((true, _))) {
                return Ok(());
            }
            anyhow::ensure!(
                begin.elapsed() < READY_WITHIN,
                "the gateway was not ready within {} s: {}",
                READY_WITHIN.as_secs(),
                tail(&self.log)
            );
            sleep(ASK_EVERY).await;
        }
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    pub(super) fn kill(&mut self) -> anyhow::Result<()> {
        if let Some(mut child) = self.child.take() {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("the gateway ended by itself ({status}): {}", tail(&self.log));
            }
            child.kill().context("cannot kill the gateway")?;
            child.wait().context("cannot wait for the killed gateway")?;
        }
        Ok(())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // It may be gone already.
            child.kill().ok();
            child.wait().ok();
        }
    }
}

/// Two ports that were free a moment ago.
fn free_ports() -> std::io::Result<[SocketAddr; 2]> {
    let (one, two) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok([one.local_addr()?, two.local_addr()?])
}

fn tail(log: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(log).and_then(|mut file| {
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(LOG_SHOWN)))?;
        file.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(error) => format!("its log cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepare(dir: &Path, binary: &str) -> anyhow::Result<Gateway> {
        Gateway::prepare(Path::new(binary), &[], CONFIG, dir)
    }

    #[test]
    fn the_configuration_names_store_and_ports() {
        let dir = tempfile::tempdir().unwrap();
        let gateway = prepare(dir.path(), "gateway").unwrap();
        let text = fs::read_to_string(dir.path().join("gateway.toml")).unwrap();
        assert!(text.contains(&gateway.mqtt().to_string()), "{text}");
        assert!(text.contains(&gateway.store.display().to_string()), "{text}");
        assert!(!text.contains('{'), "{text}");
    }

    #[test]
    fn an_older_store_is_not_touched() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        fs::create_dir(&store).unwrap();
        fs::write(store.join(DATABASE), "old").unwrap();
        let error = prepare(dir.path(), "gateway").unwrap_err().to_string();
        assert!(error.contains("--dir"), "{error}");
    }

    #[tokio::test]
    async fn a_gateway_that_ends_by_itself_is_a_failure_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        // `cat run --config FILE` complains and ends.
        let error = prepare(dir.path(), "cat").unwrap().start().await.unwrap_err().to_string();
        assert!(error.contains("ended by itself"), "{error}");
        assert!(error.contains("cat"), "{error}");
    }
}
