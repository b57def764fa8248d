//! A child: started in a process group of its own, its output read by lines, its exit told, its group signalled.

use crate::{
    guard::Guard,
    outcome::Exit,
    output::{Line, Source},
};
use rustix::process::{Pid, Signal, kill_process_group};
use spanlayer_host::clock;
use std::{
    ffi::OsString,
    fs, io,
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::unix::pipe::Receiver,
    sync::watch,
    task::AbortHandle,
    time::{Instant, sleep, timeout},
};

/// What to start.
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) launcher: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) directory: PathBuf,
    pub(crate) source: Source,
}

/// A process of the environment, or the task that stands in for one.
pub(crate) struct Process {
    kind: Kind,
    /// Just before exec.
    pub(crate) spawned: Instant,
    exit: watch::Receiver<Option<Exit>>,
    pipes: Vec<Arc<Receiver>>,
}

enum Kind {
    Group(Pid),
    Task(AbortHandle),
}

impl Process {
    /// Starts a program. `on_line` gets what it writes, `on_exit` how it ended.
    pub(crate) fn spawn(
        launch: &Launch,
        guard: Arc<Guard>,
        on_line: impl Fn(Line) + Send + Sync + Clone + 'static,
        on_exit: impl FnOnce(Exit) + Send + 'static,
    ) -> io::Result<Self> {
        let mut words = launch.launcher.iter().cloned().chain([launch.program.clone().into_os_string()]);
        let mut command = tokio::process::Command::new(words.next().unwrap_or_default());
        command
            .args(words)
            .env_clear()
            .envs(launch.env.iter().map(|(key, value)| (key, value)))
            .current_dir(&launch.directory)
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let spawned = Instant::now();
        let mut child = command.spawn()?;
        let Some(pid) = child.id().and_then(|id| Pid::from_raw(id.cast_signed())) else {
            return Err(io::Error::other("the child has no process id"));
        };
        guard.watch(pid);

        let mut pipes = Vec::new();
        let mut readers = Vec::new();
        let ends = [
            (false, child.stdout.take().map(tokio::process::ChildStdout::into_owned_fd)),
            (true, child.stderr.take().map(tokio::process::ChildStderr::into_owned_fd)),
        ];
        for (stderr, end) in ends {
            let Some(end) = end else { continue };
            let pipe = pipe(end?)?;
            pipes.push(pipe.clone());
            readers.push(tokio::spawn(read_lines(pipe, launch.source.clone(), stderr, on_line.clone())));
        }

        let (tell, exit) = watch::channel(None);
        tokio::spawn(async move {
            let status = child.wait().await;
            // What the process started itself goes with it, and with that the last writers of its pipes.
            let _ = kill_process_group(pid, Signal::KILL);
            guard.forget(pid);
            for reader in readers {
                let _ = timeout(LAST_WORDS, reader).await;
            }
            let exit = status.map_or(Exit::Code(-1), how);
            on_exit(exit);
            let _ = tell.send(Some(exit));
        });
        Ok(Self { kind: Kind::Group(pid), spawned, exit, pipes })
    }

    /// A task of this process that plays a process's part.
    pub(crate) fn task(
        task: impl Future<Output = ()> + Send + 'static,
        on_exit: impl FnOnce(Exit) + Send + 'static,
    ) -> Self {
        let spawned = Instant::now();
        let (tell, exit) = watch::channel(None);
        let task = tokio::spawn(task);
        let abort = task.abort_handle();
        tokio::spawn(async move {
            let exit = if task.await.is_ok() { Exit::Code(0) } else { Exit::Signal(Signal::KILL.as_raw()) };
            on_exit(exit);
            let _ = tell.send(Some(exit));
        });
        Self { kind: Kind::Task(abort), spawned, exit, pipes: Vec::new() }
    }

    /// Sends a signal to the whole group. A process that is gone already is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        match &self.kind {
            Kind::Group(pid) => {
                if self.exit().is_none() {
                    let _ = kill_process_group(*pid, signal);
                }
            }
            Kind::Task(task) => {
                if signal == Signal::KILL || signal == Signal::TERM {
                    task.abort();
                }
            }
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<Exit> {
        *self.exit.borrow()
    }

    /// Waits for its end.
    pub(crate) async fn gone(&self) -> Exit {
        let mut exit = self.exit.clone();
        let seen = exit.wait_for(Option::is_some).await.ok().and_then(|exit| *exit);
        seen.unwrap_or(Exit::Signal(9))
    }

    /// Waits until what it has written so far has been read, so that its lines come before whatever is told next.
    /// Bounded: a process that never stops writing must not hold anything up.
    pub(crate) async fn settle(&self) {
        let unread = || {
            self.pipes
                .iter()
                .any(|pipe| rustix::io::ioctl_fionread(pipe.as_ref()).is_ok_and(|bytes| bytes > 0))
        };
        for _ in 0..100 {
            if !unread() {
                break;
            }
            sleep(Duration::from_micros(100)).await;
        }
    }

    /// Its process id; `None` for a task.
    pub(crate) fn id(&self) -> Option<u32> {
        match &self.kind {
            Kind::Group(pid) => Some(pid.as_raw_nonzero().get().cast_unsigned()),
            Kind::Task(_) => None,
        }
    }

    /// Its resident memory, now and at its peak; zero when it is gone or a task.
    pub(crate) fn memory(&self) -> Memory {
        let Some(id) = self.id() else { return Memory::default() };
        let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let kibibytes = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0)
        };
        Memory { resident: kibibytes("VmRSS:") * 1024, peak: kibibytes("VmHWM:") * 1024 }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Now.
    pub resident: u64,
    /// At its highest so far.
    pub peak: u64,
}

fn pipe(end: OwnedFd) -> io::Result<Arc<Receiver>> {
    Receiver::from_owned_fd(end).map(Arc::new)
}

async fn read_lines(pipe: Arc<Receiver>, source: Source, stderr: bool, on_line: impl Fn(Line)) {
    let tell = |text: &[u8]| {
        let text = String::from_utf8_lossy(text).into_owned();
        on_line(Line { source: source.clone(), stderr, text, at: clock::unix() });
    };
    let mut held = Vec::new();
    let mut chunk = vec![0; 64 << 10];
    while pipe.readable().await.is_ok() {
        match pipe.try_read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => {
                let mut rest = &chunk[..read];
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    held.extend_from_slice(&rest[..end]);
                    tell(&held);
                    held.clear();
                    rest = &rest[end + 1..];
                }
                held.extend_from_slice(rest);
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(_) => break,
        }
    }
    if !held.is_empty() {
        tell(&held);
    }
}

fn how(status: ExitStatus) -> Exit {
    status.code().map_or_else(|| Exit::Signal(status.signal().unwrap_or(0)), Exit::Code)
}

/// How long the end of a process waits for its pipes to close: only a process that left the group may hold them.
const LAST_WORDS: Duration = Duration::from_millis(200);
