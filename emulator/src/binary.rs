//! Finds the workspace's own programs, wherever the caller was built.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The path of the workspace's program `name` (`spanlayer`, `hello`, …), in the same target directory and profile as
/// the program that asks.
///
/// # Panics
///
/// When it has not been built, saying what to build: a test that went on without it would prove nothing.
pub fn binary(name: &str) -> PathBuf {
    let mut tried = Vec::new();
    if let Ok(current) = env::current_exe() {
        // target/debug/deps/test-1234, target/debug/examples/x, target/debug/spanlayer-cli
        for folder in current.ancestors().skip(1).take(3) {
            let candidate = folder.join(name);
            if candidate.is_file() {
                return candidate;
            }
            tried.push(candidate);
        }
    }
    let release = tried.iter().any(|path| path.components().any(|part| part.as_os_str() == "release"));
    let looked = tried.iter().map(|path| display(path)).collect::<Vec<_>>().join(", ");
    panic!(
        "the program `{name}` is not built: run `cargo build{} --workspace` first (looked for {looked})",
        if release { " --release" } else { "" },
    );
}

fn display(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "cargo build")]
    fn a_missing_program_says_what_to_build() {
        binary("no-such-program");
    }
}
