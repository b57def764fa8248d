//! The list of targets; each is a file.

mod configuration;
mod files;
mod frames;
mod letters;
mod requests;
mod telemetry;

/// Something that reads what others wrote.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// Reads, and panics when something is wrong.
    pub run: fn(&[u8]),
    /// Another folder with samples, from the root of the repository.
    pub samples: Option<&'static str>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "link", run: frames::link, samples: None },
    Target { name: "journal", run: files::journal, samples: None },
    Target { name: "spool", run: files::spool, samples: None },
    Target { name: "protobuf", run: requests::protobuf, samples: None },
    Target { name: "json", run: requests::json, samples: None },
    Target { name: "redaction", run: requests::redaction, samples: None },
    Target { name: "telemetry", run: telemetry::platform, samples: None },
    Target { name: "trigger", run: telemetry::trigger, samples: Some("src/trigger/tests/events") },
    Target { name: "letters", run: letters::letters, samples: None },
    Target { name: "configuration", run: configuration::configuration, samples: None },
];
