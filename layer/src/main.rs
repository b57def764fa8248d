//! `/opt/extensions/spanlayer`: see the library of the same package.

use std::process::ExitCode;

fn main() -> ExitCode {
    spanlayer_extension::run()
}
