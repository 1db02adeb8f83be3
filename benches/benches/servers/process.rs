//! A server as a process of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use dhow_proto::v1;
use tonic::transport::{Channel, Endpoint};

/// A running server; it ends with this.
pub(crate) struct Server {
    child: Child,
    address: String,
    _folder: tempfile::TempDir,
}

impl Server {
    /// Starts one with these arguments, and waits until it listens.
    pub(crate) async fn start(arguments: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (port, log) = (folder.path().join("port"), folder.path().join("log"));
        let mut command = Command::new(binary());
        command.args(["serve", "--listen", "127.0.0.1:0", "--port-file"]).arg(&port).args(arguments);
        command.stdout(Stdio::null()).stderr(std::fs::File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let mut server = Self { child, address: String::new(), _folder: folder };
        let begun = Instant::now();
        loop {
            server.address = std::fs::read_to_string(&port).unwrap_or_default().trim().to_owned();
            if !server.address.is_empty() {
                return server;
            }
            let ended = server.child.try_wait().unwrap().is_some();
            assert!(!ended && begun.elapsed() < Duration::from_secs(60), "no server: {}", std::fs::read_to_string(&log).unwrap());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// A connection of its own.
    pub(crate) async fn connect(&self) -> Channel {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.address)).unwrap();
        endpoint.tcp_nodelay(true).connect().await.unwrap()
    }

    /// The most memory that it has had, in MiB.
    pub(crate) fn peak_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1_024
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // One that has ended by itself cannot be ended.
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn binary() -> PathBuf {
    let path =
        std::env::var_os("DHOW_BIN").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/release/dhow"), PathBuf::from);
    assert!(path.exists(), "no dhow at {}: build it (`cargo build --release --bin dhow`), or name it by DHOW_BIN", path.display());
    path
}

/// The tuple `document:DOCUMENT#viewer@user:USER`.
pub(crate) fn viewer(document: &str, user: &str) -> v1::Tuple {
    v1::Tuple {
        object: Some(v1::ObjectRef { r#type: "document".to_owned(), id: document.to_owned() }),
        relation: "viewer".to_owned(),
        subject: Some(v1::SubjectRef { r#type: "user".to_owned(), id: user.to_owned(), relation: String::new() }),
        caveat: None,
        expires_at: None,
    }
}

/// A write of one new tuple.
pub(crate) fn write(store: &str, document: &str, user: &str) -> v1::WriteRequest {
    let change = v1::Change { operation: v1::change::Operation::Create.into(), tuple: Some(viewer(document, user)) };
    v1::WriteRequest { store: store.to_owned(), changes: vec![change], ..v1::WriteRequest::default() }
}
