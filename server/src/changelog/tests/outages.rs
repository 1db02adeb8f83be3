//! A broker of its own, which the test kills.

use std::path::Path;
use std::process::Command;

use super::support::*;

const RIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/rig/kafka");

/// A broker of the rig, stopped when it goes.
struct Broker(tempfile::TempDir);

impl Broker {
    fn rig(&self, what: &str) -> String {
        let run = Command::new(RIG).arg(what).arg(self.0.path()).output().unwrap();
        assert!(run.status.success(), "{run:?}");
        String::from_utf8(run.stdout).unwrap()
    }

    /// Starts it, or starts it again on the same port with what it has.
    fn up(&self) -> String {
        let env = self.rig("up");
        env.trim().strip_prefix("KAFKA_BOOTSTRAP_SERVERS=").unwrap().to_owned()
    }

    fn kill(&self) {
        let pid = std::fs::read_to_string(self.0.path().join("pid")).unwrap();
        assert!(Command::new("kill").args(["-KILL", pid.trim()]).status().unwrap().success());
        while Path::new(&format!("/proc/{}/cmdline", pid.trim())).exists()
            && !std::fs::read(format!("/proc/{}/cmdline", pid.trim())).unwrap_or_default().is_empty()
        {
            std::thread::yield_now();
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(Command::new(RIG).arg("down").arg(self.0.path()).output());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_killed_in_the_middle_loses_nothing() {
    let broker = Broker(tempfile::tempdir().unwrap());
    let settings = settings_on(broker.up());
    let (feed, datastore) = published(&settings).await;
    let store = store(&datastore, "shop").await;
    let relay = relay(&feed, &settings);
    let (mut follower, mut reader) = (follower(&settings).await, Reader::default());
    for number in 2..=100 {
        write(&datastore, store, number).await;
    }
    reader.read_to(&mut follower, store, 40).await;
    broker.kill();
    for number in 101..=150 {
        write(&datastore, store, number).await;
    }
    broker.up();
    for number in 151..=200 {
        write(&datastore, store, number).await;
    }
    reader.read_to(&mut follower, store, 200).await;
    relay.stop().await;
}
