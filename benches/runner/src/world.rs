//! The programs that are measured, and environments to run them in.

use spanlayer_emulator::{Builder, Emulator, Invocation};
use std::path::{Path, PathBuf};

/// Everything that the sections share.
pub(crate) struct World {
    /// The extension.
    pub(crate) extension: PathBuf,
    /// The extension that does nothing.
    pub(crate) noop: PathBuf,
    /// The function without telemetry.
    pub(crate) bare: PathBuf,
    /// The same function, wrapped.
    pub(crate) wrapped: PathBuf,
    /// What measures the detection of triggers.
    pub(crate) detection: PathBuf,
    quick: bool,
}

impl World {
    /// Finds the programs beside this one.
    ///
    /// # Errors
    ///
    /// Which ones are not built.
    pub(crate) fn new(quick: bool) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| format!("cannot find myself: {error}"))?;
        let mut missing = Vec::new();
        let mut find = |name: &str| {
            let path = own.with_file_name(name);
            if !path.is_file() {
                missing.push(name.to_owned());
            }
            path
        };
        let world = Self {
            extension: find("spanlayer"),
            noop: find("noop-extension"),
            bare: find("bare-function"),
            wrapped: find("wrapped-function"),
            detection: find("detection-bench"),
            quick,
        };
        if missing.is_empty() {
            Ok(world)
        } else {
            Err(format!("not built: {}; run cargo build --release --workspace", missing.join(", ")))
        }
    }

    /// So many measurements; a tenth in a quick run, but at least three.
    pub(crate) fn times(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(3) } else { full }
    }

    /// An environment with our extension, which delivers to `url`. Ports are left to the system, so that nothing
    /// that already listens on this machine is in the way.
    pub(crate) fn layered(&self, url: &str) -> Builder {
        Emulator::builder()
            .extension(&self.extension)
            .env("SPANLAYER_EXPORTER_OTLP_ENDPOINT", url)
            .env("SPANLAYER_OTLP_HTTP", "127.0.0.1:0")
            .env("SPANLAYER_OTLP_GRPC", "127.0.0.1:0")
            .env("SPANLAYER_TELEMETRY_API", "127.0.0.1:0")
    }

    /// An environment with the extension that does nothing.
    pub(crate) fn plain(&self) -> Builder {
        Emulator::builder().extension(&self.noop)
    }
}

/// The file name of a program: what the emulator calls an extension.
pub(crate) fn name(program: &Path) -> String {
    program.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// An invocation that must succeed, or the figure is worth nothing.
pub(crate) async fn invoke(lambda: &Emulator, event: &str) -> Result<Invocation, String> {
    let invocation = lambda.invoke(event).await;
    match &invocation.response {
        Ok(_) => Ok(invocation),
        Err(error) => Err(format!("an invocation failed: {error}")),
    }
}

/// Any error as text.
pub(crate) fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// The command that pins every program to core 1, where one is, and becomes it: what is pinned there competes with
/// itself, as on a function with one core, and not with this program.
pub(crate) fn pinned() -> Vec<String> {
    ["taskset", "-c", if several_cores() { "1" } else { "0" }].map(str::to_owned).to_vec()
}

/// The same for functions alone: extensions get the other core. `None` where there is no other.
pub(crate) fn pinned_apart(world: &World) -> Option<Vec<String>> {
    let [ours, noop] = [&world.extension, &world.noop].map(|program| program.display());
    let script = format!(
        r#"case "$1" in '{ours}' | '{noop}') core=0 ;; *) core=1 ;; esac; exec taskset -c $core "$@""#
    );
    several_cores().then(|| ["/bin/sh", "-c", &script, "sh"].map(str::to_owned).to_vec())
}

fn several_cores() -> bool {
    std::thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}
