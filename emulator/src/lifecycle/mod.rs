//! What happens to an environment, in order: init, invocations, reset or shutdown.

mod init;
mod invoke;
mod managed;
mod restore;
mod shutdown;
mod tell;

pub(crate) use restore::SNAP_START;
