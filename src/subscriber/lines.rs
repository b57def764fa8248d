//! Events as lines on standard output, which Lambda takes to CloudWatch: by its own format and level settings, without
//! the weight of a formatter that can do anything. And as log records where that is asked for.

use std::io::Write as _;

use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use super::line::{self, Style};
use crate::{logs::Records, settings::LogFormat, telemetry::Telemetry};

/// Writes a line for each event, sends a record, or both.
#[derive(Debug)]
pub(super) struct Lines {
    style: Option<Style>,
    records: Option<Records>,
}

impl Lines {
    pub(super) fn new(telemetry: &Telemetry) -> Self {
        let records = telemetry.records();
        // Whoever sends nothing still writes.
        let writes = telemetry.settings.events.to_stdout() || records.is_none();
        let style = writes.then(|| Style { format: telemetry.settings.log_format, sent: records.is_some() });
        Self { style, records }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(records) = &self.records {
            records.take(event);
        }
        if let Some(style) = self.style {
            let line = match style.format {
                LogFormat::Text => line::text(event, style.sent),
                LogFormat::Json => line::json(event, style.sent),
            };
            // One write for each line, so that lines of different threads stay whole. Closed: then nobody reads.
            let _ = std::io::stdout().lock().write_all(line.as_bytes());
        }
    }
}
