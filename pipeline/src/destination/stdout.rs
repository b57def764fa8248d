//! OTLP/JSON lines on standard output, for want of a better destination: one line per batch.

use std::io::{self, Write};

use spanlayer_otlp::json;

use super::turns::Turns;
use crate::{Batch, Deadline, Export, Outcome, settings::STDOUT_MARKER};

/// Writes lines to standard output, or to anything else in a test.
pub(crate) struct StdoutExport {
    out: Turns<Box<dyn Write + Send>>,
}

impl Default for StdoutExport {
    fn default() -> Self {
        Self::to(io::stdout())
    }
}

impl StdoutExport {
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        Self { out: Turns::new(Box::new(out)) }
    }
}

impl Export for StdoutExport {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        if batch.items() == 0 {
            return Outcome::DELIVERED; // nothing to say
        }
        let line = match json::from_protobuf(batch.signal(), &batch.request()) {
            Ok(json) => line(&json),
            Err(error) => return Outcome::refused(error.to_string()),
        };
        // A reader that does not read must not stop the thread that serves the receivers.
        match self.out.next(move |out| out.write_all(line.as_bytes()).and_then(|()| out.flush())).await {
            Some(Ok(())) => Outcome::DELIVERED,
            Some(Err(error)) => Outcome::retry(error.to_string()),
            None => Outcome::retry("the program is ending"),
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
    use std::sync::{Arc, Mutex};

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

    #[tokio::test]
    async fn an_empty_batch_is_no_line() {
        let sink = Sink::default();
        let empty = Batch::of([spans(0, "", false)]).unwrap();
        let stdout = StdoutExport::to(sink.clone());
        assert_eq!(stdout.export(empty, Deadline::never()).await, Outcome::DELIVERED);
        assert!(sink.0.lock().unwrap().is_empty());
    }

    #[test]
    fn a_request_without_members_is_still_a_json_object() {
        assert_eq!(line("{}"), format!("{STDOUT_MARKER}\"{}\"}}\n", env!("CARGO_PKG_VERSION")));
    }
}
