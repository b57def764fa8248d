//! A function that never asks for an event: it fails while it loads what it needs.

use std::{process::ExitCode, thread::sleep, time::Duration};

fn main() -> ExitCode {
    sleep(Duration::from_millis(200));
    eprintln!("the price list is missing");
    ExitCode::FAILURE
}
