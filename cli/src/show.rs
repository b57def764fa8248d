//! Prints what was invoked: each invocation with its trace, and the figures.

use crate::{
    environment::{Invoked, Run},
    figures::{Figures, bytes, time, times},
    paint::Tone,
    received,
    screen::{Screen, printable},
    tree::{Options, Span, render},
};
use spanlayer_emulator::{Destination, Ended};
use std::{
    collections::{HashMap, HashSet},
    fmt::Write,
    time::Duration,
};

/// Everything a destination received, ready to be shown invocation by invocation.
pub struct Traces {
    spans: HashMap<[u8; 16], Vec<Span>>,
    by_request: HashMap<String, [u8; 16]>,
    shown: HashSet<[u8; 16]>,
}

impl Traces {
    /// Takes what has come so far.
    pub fn of(destination: &Destination) -> Self {
        let mut traces = Self { spans: HashMap::new(), by_request: HashMap::new(), shown: HashSet::new() };
        for span in destination.spans() {
            let span = received::span(Some(&span.resource), &span.span);
            if let Some(id) = span.attribute("faas.invocation_id") {
                traces.by_request.insert(id.to_owned(), span.trace_id);
            }
            traces.spans.entry(span.trace_id).or_default().push(span);
        }
        // A log record of a span is drawn like an event of it.
        for log in destination.logs() {
            let (trace_id, span_id, event) = received::log(&log.record);
            let of_trace = traces.spans.get_mut(&trace_id);
            if let Some(span) =
                of_trace.and_then(|spans| spans.iter_mut().find(|span| span.span_id == span_id))
            {
                span.events.push(event);
                span.events.sort_by_key(|event| event.time);
            }
        }
        traces
    }

    /// How many spans there are.
    pub fn count(&self) -> usize {
        self.spans.values().map(Vec::len).sum()
    }

    /// Whether the function sent any of them itself, rather than the extension on the platform's word.
    pub fn any_of_the_function(&self) -> bool {
        let of_platform = |span: &Span| {
            matches!(span.name.as_str(), "init" | "platform.report")
                || span.attribute("spanlayer.origin") == Some("platform")
        };
        self.spans.values().flatten().any(|span| !of_platform(span))
    }

    /// Whether anything of an invocation came.
    pub fn has(&self, request_id: &str) -> bool {
        self.by_request.contains_key(request_id)
    }

    /// The trace of an invocation, drawn; `None` when nothing came.
    pub fn draw(&mut self, request_id: &str, screen: &Screen, verbose: bool) -> Option<String> {
        let trace = self.by_request.get(request_id)?;
        // Several invocations may belong to one trace, which is then drawn once, with the first.
        if !self.shown.insert(*trace) {
            return Some("part of a trace above\n".to_owned());
        }
        Some(render(self.spans.get(trace)?, &options(screen, verbose)))
    }

    /// Traces that no invocation owns, drawn: those of functions that are not wrapped.
    pub fn draw_rest(&self, screen: &Screen, verbose: bool) -> String {
        let owned: HashSet<&[u8; 16]> = self.by_request.values().collect();
        let rest = self.spans.iter().filter(|(id, _)| !owned.contains(id));
        let rest: Vec<Span> = rest.flat_map(|(_, spans)| spans.clone()).collect();
        render(&rest, &options(screen, verbose))
    }
}

fn options(screen: &Screen, verbose: bool) -> Options {
    let mut options = Options::new(screen.width, screen.paint);
    options.verbose = verbose;
    options
}

/// One invocation: its title, what the caller got, and its trace.
pub fn invocation(
    nth: usize,
    invoked: &Invoked,
    traces: &mut Traces,
    screen: &Screen,
    verbose: bool,
) -> String {
    let (paint, invocation) = (screen.paint, &invoked.invocation);
    let mut out = format!("{}\n", paint.tone(Tone::Strong, &format!("{nth}. {}", invoked.title)));
    let room = screen.width.saturating_sub(50).max(30);
    let (tone, answer) = match (&invocation.response, &invocation.ended) {
        (_, Ended::TimedOut) => (Tone::Bad, "timed out".to_owned()),
        (Ok(payload), _) => (Tone::Good, format!("answered {}", excerpt(payload, room))),
        (Err(error), _) => {
            let message = error.field("errorMessage");
            // Lambda begins with the id what it says itself, and there is room for what follows.
            let id = format!("RequestId: {} ", invocation.request_id);
            let message = message.as_deref().map(|message| message.strip_prefix(&id).unwrap_or(message));
            let message = message.map_or(&*error.payload, str::as_bytes);
            (Tone::Bad, format!("failed: {}", excerpt(message, room)))
        }
    };
    let took = format!("after {}, billed {}", time(invocation.response_time), time(invocation.cycle_time));
    let _ = writeln!(out, "   {} {took}", paint.tone(tone, &answer));
    match traces.draw(&invocation.request_id, screen, verbose) {
        Some(drawn) => out.push_str(&drawn),
        None => {
            out.push_str(&format!("   {}\n", paint.tone(Tone::Warn, "no span of this invocation arrived")))
        }
    }
    out.push('\n');
    out
}

/// The first characters of a payload.
fn excerpt(payload: &[u8], most: usize) -> String {
    let text = printable(&String::from_utf8_lossy(payload));
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Counts and bytes of what was delivered.
pub fn delivered(figures: &mut Figures, traces: &Traces, destination: &Destination) {
    let requests = destination.requests();
    let wire: u64 = requests.iter().map(|request| request.wire_bytes as u64).sum();
    let plain: u64 = requests.iter().map(|request| request.body.len() as u64).sum();
    let count = |n: usize, one: &str, many: &str| format!("{n} {}", if n == 1 { one } else { many });
    let (spans, batches) =
        (count(traces.count(), "span", "spans"), count(requests.len(), "batch", "batches"));
    figures.push("delivered", format!("{spans} in {batches}"));
    if requests.is_empty() {
        return;
    }
    let encodings: HashSet<&str> =
        requests.iter().filter_map(|request| request.header("content-encoding")).collect();
    let mut encodings: Vec<&str> = encodings.into_iter().collect();
    encodings.sort_unstable();
    let how = if encodings.is_empty() { "not compressed".to_owned() } else { encodings.join(", ") };
    let ratio = plain as f64 / wire.max(1) as f64;
    figures.push(
        "on the wire",
        format!("{} for {} of spans: {ratio:.1} to 1, {how}", bytes(wire), bytes(plain)),
    );
}

/// Times of invocations.
pub fn billed(figures: &mut Figures, runs: &[&Run]) {
    let all = || runs.iter().flat_map(|run| &run.invoked);
    let of = |time: fn(&Invoked) -> Duration| all().map(time).collect::<Vec<_>>();
    figures.push("response", times(&of(|invoked| invoked.invocation.response_time)));
    figures.push("billed after the response", times(&of(|invoked| invoked.invocation.tail)));
}
