//! Children never outlive the emulator, even when it is killed outright.
//!
//! Children run in process groups of their own, so a Ctrl-C at the terminal does not reach them, and a destructor does
//! not run under SIGKILL. So a tiny shell waits for the end of a pipe that only the emulator holds open, and then
//! kills whatever groups it was told of.

use rustix::process::Pid;
use std::{
    io::{self, Write},
    os::unix::process::CommandExt,
    process::{Child, ChildStdin, Command, Stdio},
    sync::Mutex,
};

/// Groups are written as `+pid` when they start and `-pid` when they are gone, so that a number that was given to
/// another process since is never hit.
const WATCH: &str = r#"
alive=" "
while read -r line; do
  case "$line" in
    +*) alive="$alive${line#+} " ;;
    -*) gone="${line#-}"; alive="${alive%% "$gone" *} ${alive#* "$gone" }" ;;
  esac
done
for group in $alive; do kill -KILL "-$group" 2>/dev/null; done
"#;

#[derive(Debug)]
pub(crate) struct Guard {
    shell: Mutex<(Child, Option<ChildStdin>)>,
}

impl Guard {
    pub(crate) fn start() -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", WATCH])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let pipe = shell.stdin.take();
        Ok(Self { shell: Mutex::new((shell, pipe)) })
    }

    pub(crate) fn watch(&self, group: Pid) {
        self.say(&format!("+{}\n", group.as_raw_nonzero()));
    }

    pub(crate) fn forget(&self, group: Pid) {
        self.say(&format!("-{}\n", group.as_raw_nonzero()));
    }

    fn say(&self, line: &str) {
        let mut shell = self.shell.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(pipe) = shell.1.as_mut() {
            // The guard is a second line of defence: without it the destructors still kill.
            let _ = pipe.write_all(line.as_bytes());
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut shell = self.shell.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shell.1 = None;
        let _ = shell.0.wait();
    }
}
