//! OTLP/JSON lines on standard output, for want of a better destination: one line per batch.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, PoisonError},
};

use spanlayer_otlp::json;
use tokio::task::spawn_blocking;

use crate::{Batch, Deadline, Export, Outcome, settings::STDOUT_MARKER};

/// Writes lines to standard output, or to anything else in a test.
pub(crate) struct StdoutExport {
    out: Arc<Mutex<dyn Write + Send>>,
}

impl Default for StdoutExport {
    fn default() -> Self {
        Self::to(io::stdout())
    }
}

impl StdoutExport {
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: Arc::new(Mutex::new(out)) }
    }
}

impl Export for StdoutExport {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        let line = match json::from_protobuf(batch.signal(), &batch.request()) {
            Ok(json) => line(&json),
            Err(error) => return Outcome::refused(error.to_string()),
        };
        let out = Arc::clone(&self.out);
        // A reader that does not read must not stop the thread that serves the receivers.
        let written = spawn_blocking(move || {
            let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
            out.write_all(line.as_bytes()).and_then(|()| out.flush())
        });
        match written.await {
            Ok(Ok(())) => Outcome::DELIVERED,
            Ok(Err(error)) => Outcome::retry(error.to_string()),
            Err(_) => Outcome::retry("the program is ending"),
        }
    }
}

/// The marker with our version as its value, then the request's own members.
fn line(json: &str) -> String {
    let members = json.trim().trim_start_matches('{');
    let comma = if members.starts_with('}') { "" } else { "," };
    format!("{STDOUT_MARKER}\"{}\"{comma}{members}\n", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use spanlayer_otlp::Signal;

    use super::*;
    use crate::stage::scripted::spans;

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_batch_is_one_marked_line_that_is_still_otlp_json() {
        let sink = Sink::default();
        let stdout = StdoutExport::to(sink.clone());
        let batch = Batch::of([spans(2, "first", false), spans(1, "second", true)]).unwrap();
        assert_eq!(stdout.export(batch, Deadline::never()).await, Outcome::DELIVERED);
        let text = String::from_utf8(sink.0.lock().unwrap().clone()).unwrap();
        assert!(text.starts_with(STDOUT_MARKER) && text.ends_with("}\n"), "{text}");
        assert_eq!(text.lines().count(), 1);
        let back = json::to_protobuf(Signal::Traces, text.as_bytes()).unwrap();
        assert_eq!(spanlayer_otlp::scan(Signal::Traces, &back).unwrap().items, 3);
    }

    #[test]
    fn a_request_without_members_is_still_a_json_object() {
        assert_eq!(line("{}"), format!("{STDOUT_MARKER}\"{}\"}}\n", env!("CARGO_PKG_VERSION")));
    }
}
