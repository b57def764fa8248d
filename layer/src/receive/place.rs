//! The state directory as the link's end sees it: the socket, and the journals beside it.

use super::link::make;
use crate::log;
use spanlayer_link::Testament;
use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Where functions find us, and what they leave there.
#[derive(Clone, Debug)]
pub(super) struct Place {
    socket: Arc<Path>,
    /// What functions before ours had left was looked for.
    searched: Arc<AtomicBool>,
}

impl Place {
    pub(super) fn of(socket: &Path) -> Self {
        Self { socket: socket.into(), searched: Arc::default() }
    }

    fn directory(&self) -> &Path {
        self.socket.parent().unwrap_or(Path::new("."))
    }

    /// The socket once more where a function has deleted it, as one that empties `/tmp` does. Connections go on without
    /// it; new ones need it.
    pub(super) fn remake(&self) -> Option<tokio::net::UnixListener> {
        if fs::symlink_metadata(&self.socket).is_ok() {
            return None;
        }
        let made = make(&self.socket).and_then(tokio::net::UnixListener::from_std);
        let path = self.socket.display();
        match &made {
            Ok(_) => log::debug("the link socket was gone, and was made again", &[("path", &path)]),
            Err(error) => log::debug("no link socket", &[("path", &path), ("error", error)]),
        }
        made.ok()
    }

    /// Hands over the journals, but for that of this name, that lie here when the first function introduces itself:
    /// left by functions that died together with their extension. Their invocations never ended.
    pub(super) fn search(&self, but: &str, mut take: impl FnMut(&Testament)) {
        if !self.searched.swap(true, Ordering::Relaxed) {
            for left in Testament::left_in(self.directory(), but) {
                take(&left);
                left.remove();
            }
        }
    }

    /// The journal of a function that introduces itself.
    pub(super) fn journal(&self, name: &str) -> Option<Testament> {
        Testament::open(self.directory(), name).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::{fs::PermissionsExt, net::UnixStream};

    #[tokio::test]
    async fn a_socket_that_was_deleted_is_made_again_and_its_directory_too() {
        let directory = std::env::temp_dir().join(format!("spanlayer-place-{}", std::process::id()));
        let path = directory.join("deep/link.sock");
        let _socket = make(&path).unwrap();
        let place = Place::of(&path);
        assert!(place.remake().is_none(), "it is there");
        fs::remove_dir_all(&directory).unwrap();
        let _made = place.remake().unwrap();
        UnixStream::connect(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::remove_dir_all(directory).unwrap();
    }
}
