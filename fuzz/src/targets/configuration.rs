//! Pipeline files.

use spanlayer_config::{Surroundings, load};
use std::collections::HashMap;

/// A file is run, or it is said why not; every problem has a place in it.
pub(super) fn configuration(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let vars = HashMap::from([("KEY", "value"), ("NESTED", "${env:KEY}")]);
    // What a file refers to by its path is not for us to open.
    let loaded = load(text, Surroundings::elsewhere(&vars));
    if let Some(plan) = &loaded.plan {
        plan.hash();
    }
}
