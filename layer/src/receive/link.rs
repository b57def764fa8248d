//! The function's end of the link: frames from a wrapped function over a Unix socket.

use super::{Intake, Signal};
use crate::log;
use spanlayer_link::{Decoder, Frame};
use spanlayer_pipeline::{Admission, Payload};
use std::{
    fs::{self, DirBuilder, Permissions},
    io,
    os::unix::{
        fs::{DirBuilderExt, PermissionsExt},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::io::AsyncReadExt;

/// The socket, bound and not yet served. Its file goes when this does.
#[derive(Debug)]
pub struct LinkSocket(UnixListener, File);

/// The socket's file.
#[derive(Debug)]
struct File(PathBuf);

/// Makes the socket, and the directory it lies in, for this user only. Where that cannot be (a read-only `/tmp`), one
/// warning is all it costs: wrapped functions send OTLP/HTTP then.
pub fn bind_link(path: PathBuf) -> Option<LinkSocket> {
    match make(&path) {
        Ok(listener) => Some(LinkSocket(listener, File(path))),
        Err(error) => {
            log::warn("no link socket, going on without", &[("path", &path.display()), ("error", &error)]);
            None
        }
    }
}

fn make(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(directory) = path.parent() {
                DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
            }
            UnixListener::bind(path)
        }
        // Left by an extension that was killed, unless somebody answers.
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && UnixStream::connect(path).is_err() => {
            fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        outcome => outcome,
    }?;
    fs::set_permissions(path, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Drop for File {
    fn drop(&mut self) {
        // A function that finds no socket does not wait for anybody behind it.
        let _ = fs::remove_file(&self.0);
    }
}

/// Reads frames for as long as the process lives.
pub(crate) async fn serve_link(socket: LinkSocket, intake: Intake) {
    let LinkSocket(listener, _file) = socket;
    let Ok(listener) = tokio::net::UnixListener::from_std(listener) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                tokio::spawn(read(stream, intake.clone()));
            }
            Err(error) => {
                log::debug("accepting failed", &[("error", &error)]);
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// Reads one connection to its end. A frame whose length cannot be ends it, since nobody knows where the next one
/// begins; the function connects afresh at its next invocation.
async fn read(mut stream: tokio::net::UnixStream, intake: Intake) {
    let mut decoder = Decoder::new();
    loop {
        match stream.read_buf(decoder.buffer()).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => {
                log::debug("the link broke off", &[("error", &error)]);
                return;
            }
        }
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => take(frame, &intake),
                Ok(None) => break,
                Err(error) => {
                    log::warn("a bad frame on the link", &[("error", &error)]);
                    if error.is_fatal() {
                        return;
                    }
                }
            }
        }
    }
}

fn take(frame: Frame, intake: &Intake) {
    match frame {
        Frame::Hello(hello) => {
            log::debug("a wrapped function is there", &[("version", &hello.version)]);
            intake.account().note(|ledger, _| ledger.hello(&hello));
            intake.tell(Signal::Connected);
        }
        Frame::Started(started) => {
            log::debug("started", &[("requestId", &started.request_id)]);
            intake.account().note(|ledger, now| ledger.started(&started, now));
            intake.tell(Signal::Connected);
        }
        Frame::Ended(ended) => {
            if ended.dropped_spans > 0 {
                log::error(
                    "the function dropped spans that the link did not take",
                    &[("spans", &ended.dropped_spans)],
                );
            }
            intake.account().note(|ledger, now| ledger.ended(&ended, now));
            intake.tell(Signal::Ended { request_id: ended.request_id, at_unix_nano: ended.end_unix_nano });
        }
        // Of use once the platform says that the invocation never ended; until then it may still be taken back.
        Frame::Unfinished(unfinished) => {
            log::debug("unfinished", &[("requestId", &unfinished.request_id)]);
            intake.account().note(|ledger, now| ledger.unfinished(&unfinished, now));
        }
        Frame::Telemetry(signal, bytes) => match Payload::scan(signal, bytes) {
            Ok(payload) if payload.items() == 0 => {}
            Ok(payload) => {
                let items = payload.items();
                match intake.accept(payload) {
                    Admission::Accepted => {}
                    // The pipeline counts and reports what it drops; here there is nobody to answer.
                    refused => log::debug(
                        "not taken from the link",
                        &[("items", &items), ("why", &format!("{refused:?}"))],
                    ),
                }
            }
            Err(error) => log::warn("a malformed payload on the link, dropped", &[("error", &error)]),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("spanlayer-link-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn the_socket_is_for_this_user_only_and_goes_with_its_owner() {
        let directory = directory("mode");
        let path = directory.join("deep/link.sock");
        let socket = bind_link(path.clone()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
        drop(socket);
        assert!(!path.exists());
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_living_one_left_alone() {
        let directory = directory("stale");
        let path = directory.join("link.sock");
        fs::create_dir_all(&directory).unwrap();
        drop(UnixListener::bind(&path).unwrap());
        assert!(path.exists(), "a killed process leaves its socket behind");
        let socket = bind_link(path.clone()).unwrap();
        UnixStream::connect(&path).unwrap();
        assert!(bind_link(path.clone()).is_none(), "somebody answers");
        UnixStream::connect(&path).unwrap();
        drop(socket);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_place_where_nothing_can_be_made_is_gone_without() {
        assert!(bind_link(PathBuf::from("/proc/spanlayer/link.sock")).is_none());
    }
}
