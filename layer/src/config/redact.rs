//! What must not leave: on by default for credentials.

use spanlayer_host::vars::{Reading, Var};
use spanlayer_pipeline::{
    Redactor, Secret,
    process::redact::{Action, Rules},
};
use std::sync::Arc;

/// `SPANLAYER_REDACT`.
pub(super) const REDACT: Var<Option<Rules>> = Var {
    name: "SPANLAYER_REDACT",
    default: "credentials",
    parse: rules,
    about: "what is made unreadable wherever it stands, before anything is kept: `credentials`, `pii` (e-mail addresses and \
            card numbers), `all`, recognisers by name, or `off`",
};

/// `SPANLAYER_REDACT_KEYS`.
pub(super) const REDACT_KEYS: Var<Vec<String>> = Var {
    name: "SPANLAYER_REDACT_KEYS",
    default: "",
    parse: |text| Ok(list(text).map(str::to_owned).collect()),
    about: "more attributes whose values are secret: names, or patterns with `*`, as `user.pin,customer.*.iban`",
};

/// `SPANLAYER_REDACT_ACTION`.
pub(super) const REDACT_ACTION: Var<Action> = Var {
    name: "SPANLAYER_REDACT_ACTION",
    default: "mask",
    parse: |text| match text.to_ascii_lowercase().as_str() {
        "mask" => Ok(Action::Mask),
        "delete" => Ok(Action::Delete),
        "hash" => Ok(Action::Hash),
        _ => Err("expected mask, delete or hash".to_owned()),
    },
    about: "what becomes of it: `mask` (`****`), `delete` (the attribute goes), or `hash` (keyed, so that equal ones can be told)",
};

/// `SPANLAYER_REDACT_HASH_KEY`.
pub(super) const REDACT_HASH_KEY: Var<Secret> = Var {
    name: "SPANLAYER_REDACT_HASH_KEY",
    default: "",
    parse: |text| Ok(Secret::new(text)),
    about: "the key of the hashes, at least 16 bytes",
};

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

fn rules(text: &str) -> Result<Option<Rules>, String> {
    if text.eq_ignore_ascii_case("off") {
        return Ok(None);
    }
    let mut rules = Rules::none();
    for name in list(text) {
        rules.add_named(&name.to_ascii_lowercase()).map_err(|why| why.to_string())?;
    }
    Ok(Some(rules))
}

/// What was set, compiled. What cannot be done is masked instead, and said: nothing leaves because of a mistake.
pub(super) fn read(reading: &mut Reading<'_>) -> Option<Arc<Redactor>> {
    let rules = reading.get(&REDACT);
    let (keys, action) = (reading.get(&REDACT_KEYS), reading.get(&REDACT_ACTION));
    let key = reading.get(&REDACT_HASH_KEY);
    let mut rules = rules.or_else(|| (!keys.is_empty()).then(Rules::none))?;
    rules.keys = keys;
    rules.action = action;
    rules.key = key.reveal().as_bytes().to_vec();
    if let Ok(redactor) = Redactor::new(rules.clone()) {
        return Some(Arc::new(redactor));
    }
    reading.note(REDACT_HASH_KEY.name, "hashing needs a key of at least 16 bytes; values are masked instead");
    Redactor::new(Rules { action: Action::Mask, ..rules }).ok().map(Arc::new)
}
