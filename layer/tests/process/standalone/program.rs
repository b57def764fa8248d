//! The program beside Lambda, as a process.

use crate::world::{EXTENSION, Reply, SOON, exchange};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// A directory that goes away with whoever made it.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("spanlayer-standalone-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// `spanlayer run`, with every port that it likes and a state of its own.
pub(super) struct Program {
    child: Child,
    log: Arc<Mutex<Vec<String>>>,
    scratch: Arc<Scratch>,
}

impl Program {
    pub(super) fn start(arguments: &[&str], vars: &[(&str, &str)]) -> Self {
        Self::start_in(Arc::new(Scratch::new()), arguments, vars)
    }

    pub(super) fn start_in(scratch: Arc<Scratch>, arguments: &[&str], vars: &[(&str, &str)]) -> Self {
        let mut child = Command::new(EXTENSION)
            .arg("run")
            .args(arguments)
            .env_clear()
            .envs(
                ["OTLP_HTTP", "OTLP_GRPC", "HEALTH"].map(|name| (format!("SPANLAYER_{name}"), "127.0.0.1:0")),
            )
            .env("SPANLAYER_STATE_DIR", scratch.path())
            .envs(vars.iter().copied())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new(Mutex::new(Vec::new()));
        let (lines, told) = (BufReader::new(child.stderr.take().unwrap()).lines(), Arc::clone(&log));
        std::thread::spawn(move || {
            lines.map_while(Result::ok).for_each(|line| told.lock().unwrap().push(line))
        });
        Self { child, log, scratch }
    }

    /// Kills it, and starts it again where it was.
    pub(super) fn restart_killed(mut self, vars: &[(&str, &str)]) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::start_in(Arc::clone(&self.scratch), &[], vars)
    }

    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// Waits for a line that has this in it.
    pub(super) async fn says(&self, text: &str) -> String {
        let by = Instant::now() + SOON;
        loop {
            if let Some(line) = self.log().lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < by, "never said {text:?}, but:\n{}", self.log());
            sleep(Duration::from_millis(2)).await;
        }
    }

    /// An address of the line that says that it is ready.
    pub(super) async fn address(&self, of: &str) -> SocketAddr {
        let line: serde_json::Value =
            serde_json::from_str(&self.says("\"message\":\"ready\"").await).unwrap();
        line[of].as_str().unwrap().parse().unwrap()
    }

    pub(super) async fn asks(&self, path: &str) -> Reply {
        get(self.address("health").await, path).await
    }

    pub(super) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id() as i32).unwrap(), signal).unwrap();
    }

    /// Waits for its end.
    pub(super) async fn ends(&mut self) -> ExitStatus {
        let by = Instant::now() + SOON;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < by, "it goes on:\n{}", self.log());
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) async fn get(from: SocketAddr, path: &str) -> Reply {
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    exchange(from, request).await.unwrap()
}
