//! Links the extension to run at a fixed address, and with as few libraries to load as there can be.

use std::{path::Path, process::Command};

#[expect(clippy::disallowed_methods, reason = "the environment is how cargo speaks to a build script")]
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // A position-independent program has some 4,800 pointers of its own put right at every start: measured, a tenth of
    // a millisecond, 25 pages touched and 0.7 MiB resident, which is what loading this program costs more than loading
    // one that does nothing. Libraries, heap and stack stay where chance puts them.
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|os| os == "linux") {
        println!("cargo:rustc-link-arg-bins=-no-pie");
        if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
            stripped();
            ordered();
        }
        unwinder();
    }
}

/// Cargo forgets the profile's `strip` for a package that the profile has a section for: a quarter more to load.
#[expect(clippy::disallowed_methods, reason = "the environment is how cargo speaks to a build script")]
fn stripped() {
    const STRIP: &str = "CARGO_PROFILE_RELEASE_STRIP";
    println!("cargo:rerun-if-env-changed={STRIP}");
    if std::env::var(STRIP).is_ok_and(|strip| strip == "none") {
        return;
    }
    println!("cargo:rustc-link-arg-bins=-Wl,--strip-all");
}

/// What runs at the start side by side, and beside it what runs often: a tenth of the program, that would lie on most of
/// its pages otherwise, all of which are read and mapped before it is idle.
fn ordered() {
    let order = concat!(env!("CARGO_MANIFEST_DIR"), "/order.ld");
    println!("cargo:rerun-if-changed={order}");
    println!("cargo:rustc-link-arg-bins=-Wl,-T,{order}");
}

/// Unwinding from an archive instead of `libgcc_s`: a library less to find, map and bind at every start, and none of its
/// constructors, which ask the processor what it is, slowly where there is a hypervisor. A linker of its own, as the
/// layer's, brings its own unwinder.
#[expect(clippy::disallowed_methods, reason = "the environment is how cargo speaks to a build script")]
fn unwinder() {
    println!("cargo:rerun-if-env-changed=RUSTC_LINKER");
    let (host, target) = (std::env::var("HOST"), std::env::var("TARGET"));
    if std::env::var_os("RUSTC_LINKER").is_some() || host != target {
        return;
    }
    let Ok(told) = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output() else { return };
    let archive = String::from_utf8_lossy(&told.stdout);
    // Where there is none, the name comes back as it was, and the library is used.
    let archive = Path::new(archive.trim());
    if let Some(directory) = archive.parent().filter(|_| archive.is_absolute()) {
        println!("cargo:rustc-link-search=native={}", directory.display());
        println!("cargo:rustc-link-lib=static:-bundle=gcc_eh");
    }
}
