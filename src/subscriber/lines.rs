//! Events as lines on standard output, which Lambda takes to CloudWatch: by its own format and level settings, without
//! the weight of a formatter that can do anything.

use std::io::Write as _;

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::line;
use crate::settings::LogFormat;

/// Writes a line for each event.
#[derive(Debug)]
pub(super) struct Lines {
    format: LogFormat,
}

impl Lines {
    pub(super) fn new(format: LogFormat) -> Self {
        Self { format }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = match self.format {
            LogFormat::Text => line::text(event),
            LogFormat::Json => line::json(event),
        };
        // One write for each line, so that lines of different threads stay whole. Closed: then nobody reads.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}
