//! Traces on standard output, for people: a tree for each, and a line at the end.

use std::io::{self, Write};

use super::turns::Turns;
use crate::{
    Batch, Deadline, Destination, Export, Outcome, Signal,
    console::{Console, spans, tree},
};

impl Destination {
    /// Standard output as a person reads it, for development: each trace of a batch as a tree, with names, ids,
    /// durations, what failed and what happened; with all attributes if [`Console::verbose`]. Takes spans. When the
    /// pipeline is dropped, a line says how many there were.
    ///
    /// | | default |
    /// |---|---|
    /// | colours | on a terminal, unless `NO_COLOR` is set or `TERM` is `dumb` |
    /// | width | `COLUMNS`, else 120 |
    /// | limit of an attempt | 10 s |
    /// | batch | 2 MiB, 8,192 spans |
    /// | sent again | after any error of writing |
    ///
    /// Spans are drawn when they are flushed; of a trace that comes in several batches each draws its part.
    ///
    /// ```
    /// use spanlayer_pipeline::{Destination, Pipeline, Settings, console::Console};
    ///
    /// let console = Destination::console(Console::default());
    /// let pipeline = Pipeline::new(Settings::to([console]));
    /// ```
    pub fn console(console: Console) -> Self {
        Self::custom("console", [Signal::Traces], ConsoleExport::to(io::stdout(), console))
            .speaking("spanlayer_console", None)
    }
}

/// Draws to standard output, or to anything else in a test.
struct ConsoleExport<W: Write + Send + 'static> {
    options: tree::Options,
    drawn: Turns<Drawn<W>>,
}

struct Drawn<W: Write> {
    out: W,
    spans: u64,
    errors: u64,
}

impl<W: Write + Send + 'static> ConsoleExport<W> {
    fn to(out: W, console: Console) -> Self {
        let Console { verbose, width, paint } = console;
        let options = tree::Options { width, paint, verbose, ids: true };
        Self { options, drawn: Turns::new(Drawn { out, spans: 0, errors: 0 }) }
    }
}

impl<W: Write + Send + 'static> Export for ConsoleExport<W> {
    async fn export(&self, batch: Batch, _: Deadline) -> Outcome {
        let options = self.options;
        // A reader that does not read must not stop the thread that serves the receivers.
        let written = self.drawn.next(move |drawn| {
            let spans = spans(&batch.request());
            let errors = spans.iter().filter(|span| matches!(span.status, tree::Status::Error(_))).count();
            // As between the traces of one batch.
            let gap = if drawn.spans > 0 && !spans.is_empty() { "\n" } else { "" };
            drawn.show(&format!("{gap}{}", tree::render(&spans, &options)))?;
            drawn.spans += spans.len() as u64;
            drawn.errors += errors as u64;
            Ok::<_, io::Error>(())
        });
        match written.await {
            Some(Ok(())) => Outcome::DELIVERED,
            Some(Err(error)) => Outcome::retry(error.to_string()),
            None => Outcome::retry("the program is ending"),
        }
    }
}

impl<W: Write> Drawn<W> {
    fn show(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }
}

impl<W: Write> Drop for Drawn<W> {
    fn drop(&mut self) {
        let (spans, errors) = (self.spans, self.errors);
        let many = |n: u64, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        // Whoever closed the output does not want to know.
        let _ =
            self.show(&format!("console closed after {}, {}\n", many(spans, "span"), many(errors, "error")));
    }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::HashMap,
        sync::{Arc, Mutex},
    };

    use spanlayer_otlp::json::to_protobuf;

    use super::*;
    use crate::{Payload, console::paint::Paint};

    #[derive(Clone, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    const TRACE: &str = r#"{"resourceSpans":[{
        "resource":{"attributes":[{"key":"service.name","value":{"stringValue":"orders"}}]},
        "scopeSpans":[{"spans":[
            {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000b2","parentSpanId":"00000000000000c3",
             "name":"charge","kind":3,"startTimeUnixNano":"1767000000010000000","endTimeUnixNano":"1767000000030000000",
             "attributes":[{"key":"card","value":{"stringValue":"visa"}},{"key":"thread.id","value":{"intValue":"7"}}],
             "events":[{"timeUnixNano":"1767000000020000000","name":"retry"}],
             "status":{"code":2,"message":"declined"}},
            {"traceId":"000000000000000000000000000000a1","spanId":"00000000000000c3","name":"POST /orders","kind":2,
             "startTimeUnixNano":"1767000000000000000","endTimeUnixNano":"1767000000040000000"}]}]}]}"#;

    const PLAIN: &str = "\
trace 000000000000000000000000000000a1  orders  2 spans, 40.0 ms, 1 error
POST /orders  server    40.0 ms         ━━━━━━━━━━━━━
│  span 00000000000000c3
└─ charge     client    20.0 ms  ERROR     ━━━━━━      declined  card=visa
      span 00000000000000b2  parent 00000000000000c3
      ◆ retry +10.0 ms
console closed after 2 spans, 1 error
";

    const VERBOSE: &str = "\
trace 000000000000000000000000000000a1  orders  2 spans, 40.0 ms, 1 error
POST /orders  server    40.0 ms         ━━━━━━━━━━━━━
│  span 00000000000000c3
└─ charge     client    20.0 ms  ERROR     ━━━━━━      declined
      span 00000000000000b2  parent 00000000000000c3
      card = visa
      thread.id = 7
      ◆ retry +10.0 ms
console closed after 2 spans, 1 error
";

    async fn shown(verbose: bool, paint: Paint) -> String {
        let screen = Screen::default();
        let export = ConsoleExport::to(screen.clone(), Console { verbose, width: 80, paint });
        let request = to_protobuf(Signal::Traces, TRACE.as_bytes()).unwrap();
        let batch = Batch::of([Payload::scan(Signal::Traces, request.into()).unwrap()]).unwrap();
        assert_eq!(export.export(batch, Deadline::never()).await, Outcome::DELIVERED);
        drop(export);
        let bytes = screen.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[tokio::test]
    async fn a_trace_is_a_tree_with_ids_events_and_errors_and_a_line_closes_the_show() {
        assert_eq!(shown(false, Paint::PLAIN).await, PLAIN);
    }

    #[tokio::test]
    async fn all_attributes_are_shown_to_those_who_ask() {
        assert_eq!(shown(true, Paint::PLAIN).await, VERBOSE);
    }

    #[tokio::test]
    async fn into_a_pipe_and_against_an_objection_the_show_is_plain() {
        let none: HashMap<&str, &str> = HashMap::new();
        let objection = HashMap::from([("NO_COLOR", "1")]);
        for paint in [Paint::for_stream(false, &none), Paint::for_stream(true, &objection)] {
            assert_eq!(shown(false, paint).await, PLAIN);
        }
        assert_ne!(shown(false, Paint::for_stream(true, &none)).await, PLAIN);
    }

    #[tokio::test]
    async fn colours_are_only_colours() {
        let coloured = shown(false, Paint::COLOURED).await;
        let mut plain = String::new();
        let mut parts = coloured.split('\x1b');
        plain.push_str(parts.next().unwrap());
        for part in parts {
            plain.push_str(part.split_once('m').unwrap().1);
        }
        assert_eq!(plain, shown(false, Paint::PLAIN).await);
        assert!(coloured.contains("\x1b[1;31m"), "an error is red");
    }
}
