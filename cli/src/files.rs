//! The files that a command line names: executables and events, checked before anything starts.

use crate::failure::Failure;
use std::{
    fs, io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// An executable file, by its absolute path; `role` says what it is for in messages ("function").
///
/// # Errors
///
/// When there is no such file, it is not a file, or may not be executed.
pub fn executable(role: &str, path: &Path) -> Result<PathBuf, Failure> {
    let shown = path.display();
    let meta = fs::metadata(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::usage(format!("the {role} {shown} does not exist"))
            .hint("is it built, and the path right?"),
        _ => Failure::usage(format!("the {role} {shown} cannot be read: {error}")),
    })?;
    if meta.is_dir() {
        return Err(Failure::usage(format!("the {role} {shown} is a directory"))
            .hint(format!("name the executable inside it, such as {}", path.join("bootstrap").display())));
    }
    if meta.permissions().mode() & 0o111 == 0 {
        return Err(Failure::usage(format!("the {role} {shown} is not executable"))
            .hint(format!("chmod +x {shown}   if it is a program; a library or an archive cannot be run")));
    }
    fs::canonicalize(path)
        .map_err(|error| Failure::usage(format!("the {role} {shown} cannot be read: {error}")))
}

/// A program of this project: `given`, or the one beside this program.
///
/// # Errors
///
/// As [`executable`]; the hint says how to build it.
pub fn companion(role: &str, name: &str, given: Option<&Path>) -> Result<PathBuf, Failure> {
    if let Some(path) = given {
        return executable(role, path);
    }
    let own =
        std::env::current_exe().map_err(|error| Failure::run(format!("cannot find myself: {error}")))?;
    let path = own.with_file_name(name);
    if !path.exists() {
        return Err(Failure::run(format!(
            "the {role} `{name}` is not beside this program ({})",
            path.display()
        ))
        .hint("cargo build --release --workspace   builds it"));
    }
    executable(role, &path)
}

/// The event in a file.
///
/// # Errors
///
/// When the file cannot be read or is not JSON; the message says where.
pub fn event(path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let bytes = fs::read(path)
        .map_err(|error| Failure::usage(format!("the event {shown} cannot be read: {error}")))?;
    match serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(Failure::usage(format!("the event {shown} is not JSON: {error}"))
            .hint("an event is a file with one JSON value, such as {\"orderId\": 4711}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
    }

    #[test]
    fn a_file_that_cannot_run_is_refused_with_what_to_do() {
        let said = |path: &str| executable("function", &here(path)).unwrap_err().to_string();
        assert!(said("nowhere").contains("does not exist"));
        assert!(said("src").contains("is a directory"));
        assert!(said("Cargo.toml").contains("chmod +x"));
    }

    #[test]
    fn an_event_that_is_not_json_is_refused_with_the_place() {
        let error = event(&here("Cargo.toml")).unwrap_err();
        assert_eq!(error.code(), 2);
        assert!(error.to_string().contains("line 1"), "{error}");
    }
}
