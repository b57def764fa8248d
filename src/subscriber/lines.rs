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
    /// Events go out as log records too, and their lines say so.
    sent: bool,
}

impl Lines {
    pub(super) fn new(format: LogFormat, sent: bool) -> Self {
        Self { format, sent }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = match self.format {
            LogFormat::Text => line::text(event, self.sent),
            LogFormat::Json => line::json(event, self.sent),
        };
        // One write for each line, so that lines of different threads stay whole. Closed: then nobody reads.
        let _ = std::io::stdout().lock().write_all(line.as_bytes());
    }
}
