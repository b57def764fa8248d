//! Traces as lines: a heading, then a line a span with what hangs below it.

use super::{
    facts::{self, event_text},
    forest::{self, Node, Trace},
    span::{Kind, Span, Status},
    text::{clean, duration, fit, hex, pad, width},
};
use crate::console::paint::{Paint, Tone};
use std::collections::BTreeSet;
use std::fmt::Write;

/// How to draw.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Columns of the terminal; at least 60 are used.
    pub width: usize,
    /// Colours, or none.
    pub paint: Paint,
    /// Every attribute, each on its own line, and full ids; otherwise those that say most, as far as the line goes.
    pub verbose: bool,
    /// The ids of each span and of its parent, on a line of their own.
    pub ids: bool,
}

impl Options {
    /// Trees of so many columns, with the attributes that say most and without ids.
    pub const fn new(width: usize, paint: Paint) -> Self {
        Self { width, paint, verbose: false, ids: false }
    }
}

/// Draws spans as one tree a trace; an empty text for no spans. Every line ends with a newline.
pub fn render(spans: &[Span], options: &Options) -> String {
    let traces = forest::grow(spans);
    let drawn: Vec<String> = traces.iter().map(|trace| Drawing::new(trace, *options).draw(trace)).collect();
    drawn.join("\n")
}

/// The measures that all lines of one trace share.
struct Drawing {
    options: Options,
    name_columns: usize,
    duration_columns: usize,
    status_columns: usize,
    bar_columns: usize,
    /// First start and last end.
    window: (u64, u64),
    several_services: bool,
}

impl Drawing {
    fn new(trace: &Trace<'_>, options: Options) -> Self {
        let options = Options { width: options.width.max(60), ..options };
        let spans = || trace.nodes.iter().map(|node| node.span);
        let names = trace.nodes.iter().map(|node| width(&guides(node)) + width(&clean(&node.span.name)));
        let known = || spans().filter(|span| span.start > 0);
        let first = known().map(|span| span.start).min().unwrap_or(0);
        let last = known().map(|span| span.end.max(span.start)).max().unwrap_or(first);
        Self {
            name_columns: names.max().unwrap_or(0).clamp(8, (options.width * 2 / 5).max(36)),
            duration_columns: spans().map(|span| width(&took(span))).max().unwrap_or(0),
            status_columns: spans().map(|span| status_word(span).len()).max().unwrap_or(0),
            bar_columns: (options.width / 6).clamp(12, 32),
            window: (first, last),
            several_services: spans().map(|span| &span.service).collect::<BTreeSet<_>>().len() > 1,
            options,
        }
    }

    fn draw(&self, trace: &Trace<'_>) -> String {
        let mut out = self.heading(trace);
        for node in &trace.nodes {
            self.span_line(&mut out, node);
            self.below(&mut out, node);
        }
        out
    }

    fn heading(&self, trace: &Trace<'_>) -> String {
        let paint = self.options.paint;
        let count = |n: usize, one: &str| format!("{n} {one}{}", if n == 1 { "" } else { "s" });
        let errors = trace.nodes.iter().filter(|node| matches!(node.span.status, Status::Error(_))).count();
        let services: BTreeSet<&str> = trace.nodes.iter().map(|node| node.span.service.as_str()).collect();
        let services: Vec<String> = services.into_iter().filter(|name| !name.is_empty()).map(clean).collect();

        let mut facts = vec![count(trace.nodes.len(), "span"), duration(self.window.1 - self.window.0)];
        if trace.roots > 1 {
            facts.push(count(trace.roots, "root"));
        }
        if trace.duplicates > 0 {
            facts.push(format!("{} left out", count(trace.duplicates, "duplicate")));
        }
        let mut line =
            format!("{} {}", paint.tone(Tone::Strong, "trace"), paint.tone(Tone::Faint, &hex(&trace.id)));
        if !services.is_empty() {
            let _ = write!(line, "  {}", paint.tone(Tone::Strong, &services.join(", ")));
        }
        let _ = write!(line, "  {}", facts.join(", "));
        if errors > 0 {
            let _ = write!(line, ", {}", paint.tone(Tone::Bad, &count(errors, "error")));
        }
        line.push('\n');
        line
    }

    fn span_line(&self, out: &mut String, node: &Node<'_>) {
        let (span, paint) = (node.span, self.options.paint);
        let failed = matches!(span.status, Status::Error(_));
        let guides = guides(node);
        let room = self.name_columns.saturating_sub(width(&guides));
        let name = pad(&clean(&span.name), room);
        let name = match (failed, node.depth) {
            (true, _) => paint.tone(Tone::Bad, &name),
            (false, 0) => paint.tone(Tone::Strong, &name),
            (false, _) => name,
        };
        let kind = paint.tone(kind_tone(span.kind), &pad(kind_word(span.kind), KIND_COLUMNS));
        let took = took(span);
        let took = format!("{}{took}", " ".repeat(self.duration_columns.saturating_sub(width(&took))));
        let mut line = format!("{}{name}  {kind}  {took}", paint.tone(Tone::Faint, &guides));
        let mut used = self.name_columns + KIND_COLUMNS + self.duration_columns + 4;
        if self.status_columns > 0 {
            let tone = if failed { Tone::Bad } else { Tone::Good };
            let _ = write!(line, "  {}", paint.tone(tone, &pad(status_word(span), self.status_columns)));
            used += self.status_columns + 2;
        }
        let bar_tone = if failed { Tone::Bad } else { kind_tone(span.kind) };
        let _ = write!(line, "  {}", paint.tone(bar_tone, &self.bar(span)));
        used += self.bar_columns + 4;
        let items = facts::beside(node, self.several_services, self.options.verbose);
        let stem = stem(node);
        let below = self.options.width.saturating_sub(width(&stem)).max(20);
        let (beside, below) = facts::wrap(&items, self.options.width.saturating_sub(used), below);
        if !beside.is_empty() {
            let _ = write!(line, "  {}", paint.tone(Tone::Faint, &beside));
        }
        out.push_str(line.trim_end());
        out.push('\n');
        for line in below {
            let _ = writeln!(out, "{}", paint.tone(Tone::Faint, &format!("{stem}{line}")));
        }
    }

    /// Where the span lies within its trace. At least one cell, so that the shortest span still shows where.
    fn bar(&self, span: &Span) -> String {
        let cells = self.bar_columns;
        let (first, last) = self.window;
        if span.start == 0 {
            return " ".repeat(cells);
        }
        let length = (last - first).max(1) as f64;
        let cell = |time: u64| (time.saturating_sub(first) as f64 / length * cells as f64) as usize;
        let from = cell(span.start).min(cells - 1);
        let to = cell(span.end.max(span.start)).clamp(from + 1, cells);
        format!("{}{}{}", " ".repeat(from), "━".repeat(to - from), " ".repeat(cells - to))
    }

    /// Lines below a span: its ids and attributes when asked for, its events, its links.
    fn below(&self, out: &mut String, node: &Node<'_>) {
        let (span, paint) = (node.span, self.options.paint);
        let stem = stem(node);
        let room = self.options.width.saturating_sub(width(&stem)).max(20);
        let mut line = |tone: Option<Tone>, text: &str| {
            let text = fit(text, room);
            let text = tone.map_or(text.clone(), |tone| paint.tone(tone, &text));
            let _ = writeln!(out, "{}{text}", paint.tone(Tone::Faint, &stem));
        };
        if self.options.ids {
            let parent = span.parent_id.map(|parent| format!("  parent {}", hex(&parent)));
            let ids = format!("span {}{}", hex(&span.span_id), parent.unwrap_or_default());
            line(Some(Tone::Faint), &ids);
        } else if self.options.verbose {
            line(Some(Tone::Faint), &format!("span {}", hex(&span.span_id)));
        }
        if self.options.verbose {
            let mut attributes: Vec<_> = span.attributes.iter().collect();
            attributes.sort();
            for (key, value) in attributes {
                line(Some(Tone::Faint), &format!("{} = {}", clean(key), clean(value)));
            }
        }
        for event in &span.events {
            let tone = (event.name == "exception").then_some(Tone::Bad);
            line(tone, &event_text(event, span.start));
        }
        for link in &span.links {
            line(
                Some(Tone::Warn),
                &format!("↪ link to trace {} span {}", hex(&link.trace_id), hex(&link.span_id)),
            );
        }
    }
}

/// The guides in front of a name: `│  ├─ `.
fn guides(node: &Node<'_>) -> String {
    let mut out = stem_above(node);
    if let Some(last) = node.last.last() {
        out.push_str(if *last { "└─ " } else { "├─ " });
    }
    if node.depth > forest::DRAWN_DEPTH {
        let _ = write!(out, "(level {}) ", node.depth + 1);
    }
    out
}

/// The guides in front of what hangs below a span, which must not cut the line to its next sibling or child.
fn stem(node: &Node<'_>) -> String {
    let mut out = stem_above(node);
    if let Some(last) = node.last.last() {
        out.push_str(if *last { "   " } else { "│  " });
    }
    out.push_str(if node.has_children && node.depth < forest::DRAWN_DEPTH { "│  " } else { "   " });
    out
}

fn stem_above(node: &Node<'_>) -> String {
    let above = node.last.len().saturating_sub(1);
    node.last[..above].iter().map(|last| if *last { "   " } else { "│  " }).collect()
}

fn took(span: &Span) -> String {
    if span.start == 0 { "?".to_owned() } else { duration(span.nanos()) }
}

fn status_word(span: &Span) -> &'static str {
    match span.status {
        Status::Unset => "",
        Status::Ok => "ok",
        Status::Error(_) => "ERROR",
    }
}

fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Internal => "internal",
        Kind::Server => "server",
        Kind::Client => "client",
        Kind::Producer => "producer",
        Kind::Consumer => "consumer",
    }
}

fn kind_tone(kind: Kind) -> Tone {
    match kind {
        Kind::Internal => Tone::Good,
        Kind::Server | Kind::Consumer => Tone::Inbound,
        Kind::Client | Kind::Producer => Tone::Outbound,
    }
}

const KIND_COLUMNS: usize = 8;
