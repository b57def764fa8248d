//! Where the two ends meet, and the variables that both of them read.

use spanlayer_host::vars::{Reading, Var, Vars, boolean};
use std::path::PathBuf;

/// The socket's file name in the state directory.
pub const SOCKET: &str = "link.sock";

/// `SPANLAYER_STATE_DIR`.
pub const STATE_DIR: Var<PathBuf> = Var {
    name: "SPANLAYER_STATE_DIR",
    default: "/tmp/spanlayer",
    parse: |text| Ok(PathBuf::from(text)),
    about: "directory of the link socket and the spool",
};

/// `SPANLAYER_DISABLED`.
pub const DISABLED: Var<bool> = Var {
    name: "SPANLAYER_DISABLED",
    default: "false",
    parse: boolean,
    about: "kill switch: the handler is left untouched, the extension only asks for the next event",
};

/// The state directory.
pub fn state_dir(vars: &dyn Vars) -> PathBuf {
    Reading::new(vars).get(&STATE_DIR)
}

/// The socket: `$SPANLAYER_STATE_DIR/link.sock`.
pub fn socket_path(vars: &dyn Vars) -> PathBuf {
    state_dir(vars).join(SOCKET)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashMap, path::Path};

    #[test]
    fn the_socket_lies_in_the_state_directory() {
        let nothing: HashMap<&str, &str> = HashMap::new();
        assert_eq!(socket_path(&nothing), Path::new("/tmp/spanlayer/link.sock"));
        let elsewhere = HashMap::from([("SPANLAYER_STATE_DIR", "/mnt/state")]);
        assert_eq!(socket_path(&elsewhere), Path::new("/mnt/state/link.sock"));
    }

    #[test]
    fn every_default_parses() {
        assert!((STATE_DIR.parse)(STATE_DIR.default).is_ok());
        assert_eq!((DISABLED.parse)(DISABLED.default), Ok(false));
    }
}
