//! Running the program: commands to their end, servers until they are dropped.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// The schema of the tests: teams in teams, a caveat, an expiry, everybody, and an exclusion.
pub(super) const SCHEMA: &str = r#"use expiration

definition user {}

definition team {
  relation member: user | team#member
}

caveat at_the_office(client_ip ipaddress) {
  client_ip.in_cidr("10.0.0.0/8")
}

definition document {
  relation owner: user
  relation viewer: user | user:* | team#member | user with at_the_office | user with expiration
  relation banned: user
  permission edit = owner
  permission view = (viewer + edit) - banned
}
"#;

/// The tuples of the tests.
pub(super) const TUPLES: [&str; 5] = [
    "document:plan#owner@user:ben",
    "document:readme#banned@user:eve",
    "document:readme#viewer@team:core#member",
    "document:readme#viewer@user:cyd[at_the_office]",
    "team:core#member@user:ada",
];

/// What a command came to.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Ran {
    /// Fails unless the command ended with this code.
    #[track_caller]
    pub(super) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self:#?}");
        self
    }

    /// Fails unless stdout has these lines and no others.
    #[track_caller]
    pub(super) fn lines(self, expected: &[&str]) -> Self {
        assert_eq!(self.stdout.lines().collect::<Vec<_>>(), expected, "{self:#?}");
        self
    }

    /// The JSON objects of stdout, one a line.
    #[track_caller]
    pub(super) fn json(&self) -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        self.stdout.lines().map(parse).collect()
    }

    /// The token of a text answer, which stands on stderr.
    #[track_caller]
    pub(super) fn token(&self) -> String {
        let token = self.stderr.split("token ").nth(1).and_then(|rest| rest.split_whitespace().next());
        token.unwrap_or_else(|| panic!("no token: {self:#?}")).to_owned()
    }

    /// Fails unless the command failed with this one error, told on stderr alone, in words that hold `says`.
    #[track_caller]
    pub(super) fn fails(self, code: &str, says: &str) -> Self {
        let ran = self.code(2);
        assert!(ran.stderr.starts_with(&format!("error[{code}")), "{ran:#?}");
        assert!(ran.stderr.contains(says), "{ran:#?}");
        assert_eq!(ran.stderr.matches("error[").count(), 1, "{ran:#?}");
        assert_eq!(ran.stdout, "");
        ran
    }
}

/// The program, with nothing of this process's settings.
pub(super) fn dhow() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dhow"));
    let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("DHOW_"));
    for (name, _) in ours {
        command.env_remove(name);
    }
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command that needs no server.
pub(super) fn run(words: &[&str]) -> Ran {
    finish(dhow().args(words), "")
}

/// Runs a command with this on its stdin.
pub(super) fn finish(command: &mut Command, stdin: &str) -> Ran {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that needs no stdin may be gone already.
    drop(child.stdin.take().unwrap().write_all(stdin.as_bytes()));
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A server, ended when it is dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    pub(super) address: SocketAddr,
    folder: TempDir,
    /// The key that commands show; empty: none.
    pub(super) key: String,
}

impl Server {
    /// A server on a new data file, with a store named `shop` that has [`SCHEMA`] and [`TUPLES`].
    pub(super) fn with_shop() -> Self {
        let server = Self::empty();
        server.run(&["store", "create", "shop"]).code(0);
        let schema = server.file("shop.zed", SCHEMA);
        server.run(&["schema", "write", &schema]).code(0);
        server.run(&[&["write"], TUPLES.as_slice()].concat()).code(0);
        server
    }

    /// A server on a new data file, without any store.
    pub(super) fn empty() -> Self {
        Self::on_data(tempfile::tempdir().unwrap())
    }

    /// A server on the data file of a folder.
    fn on_data(folder: TempDir) -> Self {
        let data = folder.path().join("dhow.db").display().to_string();
        Self::start(folder, &["--data", &data, "--listen", "127.0.0.1:0"])
    }

    /// A server with these options and a port file in the folder.
    pub(super) fn start(folder: TempDir, options: &[&str]) -> Self {
        let port_file = folder.path().join("address");
        let mut command = dhow();
        command.arg("serve").args(options).arg("--port-file").arg(&port_file).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains("listens on") {
            assert!(log.read_line(&mut said).unwrap() > 0, "the server ended: {said}");
        }
        // Whoever stops reading the log stops the server.
        let mut kept = std::fs::File::create(folder.path().join("log")).unwrap();
        std::thread::spawn(move || drop(std::io::copy(&mut log, &mut kept)));
        let address = std::fs::read_to_string(&port_file).unwrap().trim().parse().unwrap();
        Self { child, address, folder, key: String::new() }
    }

    /// A client command for this server.
    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = dhow();
        command.env("DHOW_ENDPOINT", self.address.to_string()).args(words);
        if !self.key.is_empty() {
            command.env("DHOW_KEY", &self.key);
        }
        command
    }

    /// Runs a client command to its end.
    pub(super) fn run(&self, words: &[&str]) -> Ran {
        finish(&mut self.command(words), "")
    }

    /// Runs a client command that prints JSON.
    pub(super) fn json(&self, words: &[&str], code: i32) -> Vec<Value> {
        self.run(&[words, ["--output", "json"].as_slice()].concat()).code(code).json()
    }

    /// Runs a client command with this on its stdin.
    pub(super) fn run_with(&self, words: &[&str], stdin: &str) -> Ran {
        finish(&mut self.command(words), stdin)
    }

    /// Writes a file into the server's folder and gives its path.
    pub(super) fn file(&self, name: &str, text: &str) -> String {
        file(self.folder.path(), name, text)
    }

    /// What the server has logged since it listens.
    pub(super) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap()
    }

    /// Where a file of that name is, or would be.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Asks the server to end, and gives its exit code.
    pub(super) fn terminate(mut self) -> Option<i32> {
        self.stop()
    }

    /// Sends the server a signal.
    pub(super) fn signal(&self, name: &str) {
        let id = self.child.id();
        assert!(Command::new("sh").arg("-c").arg(format!("kill -{name} {id}")).status().unwrap().success());
    }

    fn stop(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.child.wait().unwrap().code()
    }

    /// Ends the server and starts one on the same data file.
    pub(super) fn restart(mut self) -> Self {
        assert_eq!(self.stop(), Some(0));
        let folder = std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap());
        Self::on_data(folder)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Writes a file and gives its path.
pub(super) fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}
