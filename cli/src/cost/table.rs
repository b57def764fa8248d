//! The report: as a table for people, as JSON for programs.

use super::{
    prices::{Paid, Prices},
    tally::{Came, Left, Sent, Service, Tally},
};
use crate::{
    figures::{bytes, counted},
    paint::{Paint, Tone},
};
use serde_json::{Map, Value, json};
use spanlayer_pipeline::Signal;
use std::fmt::Write as _;

/// The report as people read it.
pub(super) fn text(tally: &Tally, prices: Prices, paint: Paint) -> String {
    let mut out = String::new();
    for (name, service) in &tally.services {
        let environments = counted(service.environments, "environment");
        line(
            &mut out,
            format!("{}  {}", paint.tone(Tone::Strong, name), paint.tone(Tone::Faint, &environments)),
        );
        let mut came = Columns::of([
            "came in",
            "accepted",
            "filtered",
            "sampled out",
            "filters saved",
            "sampling saved",
        ]);
        for signal in Signal::ALL {
            let Came { accepted, filtered, sampled_out } = service.came[signal as usize];
            if accepted > 0 {
                let saved = |left| about(service.saved(signal, left).map(|more| more.sent));
                came.push([
                    signal.items().to_owned(),
                    accepted.to_string(),
                    filtered.to_string(),
                    sampled_out.to_string(),
                    saved(Left::Filtered),
                    saved(Left::SampledOut),
                ]);
            }
        }
        came.write(&mut out, paint);
        for (destination, by_signal) in &service.destinations {
            let head = [destination, "delivered", "requests", "failed", "bytes", "sent", "compression saved"];
            let mut sent = Columns::of(head);
            let rows = Signal::ALL.map(|signal| (signal.items(), by_signal[signal as usize]));
            let rows = rows.iter().filter(|(_, one)| one.requests > 0);
            rows.for_each(|(what, one)| sent.push(row(what, one)));
            sent.write(&mut out, paint);
        }
        sums(&mut out, service, prices);
        out.push('\n');
    }
    if tally.services.len() > 1 {
        let all = all(tally);
        line(&mut out, format!("{}  {}", paint.tone(Tone::Strong, "all"), requests(&all)));
        if prices.are_given() {
            line(&mut out, format!("  {}", price(paid(tally, prices))));
        }
        out.push('\n');
    }
    for (count, what) in [
        (tally.again, "in several sources, counted once"),
        (tally.without, "of a version that tells no figures, left out"),
        (tally.damaged, "cut off or damaged, left out"),
    ] {
        if count > 0 {
            line(&mut out, format!("{}: {what}", counted(count, "line")));
        }
    }
    ESTIMATE.lines().for_each(|note| line(&mut out, paint.tone(Tone::Faint, note)));
    out
}

fn row(what: &str, sent: &Sent) -> [String; 7] {
    let unknown = sent.counted == 0 && sent.bytes > 0;
    let on_the_wire = |text: String| if unknown { "not counted".to_owned() } else { text };
    [
        what.to_owned(),
        sent.delivered.to_string(),
        sent.requests.to_string(),
        sent.failed.to_string(),
        bytes(sent.bytes),
        on_the_wire(bytes(sent.sent)),
        on_the_wire(saved(sent)),
    ]
}

fn sums(out: &mut String, service: &Service, prices: Prices) {
    line(out, format!("  {}", requests(&service.sent_in_all())));
    if service.dead_lettered + service.lost > 0 {
        let Service { dead_lettered, lost, .. } = service;
        line(out, format!("  not delivered: {dead_lettered} in dead letters, {lost} lost"));
    }
    if prices.are_given() {
        line(out, format!("  {}", price(prices.of(service))));
    }
}

fn requests(sent: &Sent) -> String {
    let Sent { requests, sent: wire, counted: before, .. } = sent;
    let mut text = format!(
        "{} in {}; compression saved {} of {}",
        bytes(*wire),
        counted(*requests, "request"),
        saved(sent),
        bytes(*before)
    );
    if sent.bytes > *before {
        let _ = write!(text, "; and {} whose size on the wire is not counted", bytes(sent.bytes - before)); // cannot fail
    }
    text
}

fn saved(sent: &Sent) -> String {
    let (saved, of) = (sent.saved(), sent.counted);
    let sign = if saved < 0 { "-" } else { "" };
    let percent = if of == 0 { 0.0 } else { 100.0 * saved as f64 / of as f64 };
    format!("{sign}{} ({percent:.1} %)", bytes(saved.unsigned_abs()))
}

fn price(paid: Paid) -> String {
    let about = |price: Option<f64>| price.map_or("unknown".to_owned(), |price| format!("≈ {price:.6}"));
    let Paid { spent, compression, filters, sampling } = paid;
    format!(
        "price {spent:.6}; saved by compression {compression:.6}, by filters {}, by sampling {}",
        about(filters),
        about(sampling)
    )
}

/// An estimated number of bytes.
fn about(estimate: Option<f64>) -> String {
    match estimate {
        None => "unknown".to_owned(),
        Some(0.0) => "–".to_owned(),
        Some(count) => format!("≈ {}", bytes(whole(count))),
    }
}

/// The report as programs read it.
pub(super) fn json(tally: &Tally, prices: Prices) -> Value {
    let services = tally.services.iter().map(|(name, service)| {
        let mut one = json!({
            "service": name,
            "environments": service.environments,
            "deadLettered": service.dead_lettered,
            "lost": service.lost,
            "signals": by_signal(|signal| {
                let Came { accepted, filtered, sampled_out } = service.came[signal as usize];
                let saved = |left| service.saved(signal, left).map(|more| whole(more.sent));
                (accepted > 0).then(|| json!({
                    "accepted": accepted,
                    "filtered": filtered,
                    "sampledOut": sampled_out,
                    "estimatedBytesSavedByFilters": saved(Left::Filtered),
                    "estimatedBytesSavedBySampling": saved(Left::SampledOut),
                }))
            }),
            "destinations": service.destinations.iter().map(|(name, sent)| {
                let signals = by_signal(|signal| {
                    let one = &sent[signal as usize];
                    (one.requests > 0).then(|| figures(one))
                });
                json!({ "name": name, "signals": signals })
            }).collect::<Vec<_>>(),
            "total": figures(&service.sent_in_all()),
        });
        if prices.are_given() {
            one["price"] = amounts(prices.of(service));
        }
        one
    });
    let mut whole = json!({
        "services": services.collect::<Vec<_>>(),
        "total": figures(&all(tally)),
        "linesCountedOnce": tally.again,
        "linesWithoutFigures": tally.without,
        "linesDamaged": tally.damaged,
    });
    if prices.are_given() {
        whole["price"] = amounts(paid(tally, prices));
    }
    whole
}

fn by_signal(of: impl Fn(Signal) -> Option<Value>) -> Value {
    let members = Signal::ALL.into_iter().filter_map(|signal| Some((signal.name().to_owned(), of(signal)?)));
    Value::Object(members.collect::<Map<_, _>>())
}

/// What is not counted on the wire is not in `sent`, nor in what compression saved.
fn figures(one: &Sent) -> Value {
    json!({
        "delivered": one.delivered,
        "requests": one.requests,
        "failed": one.failed,
        "bytes": one.bytes,
        "sent": one.sent,
        "savedByCompression": one.saved(),
        "bytesNotCountedOnTheWire": one.bytes - one.counted,
    })
}

fn amounts(paid: Paid) -> Value {
    // Without the noise of binary fractions.
    let rounded = |amount: f64| (amount * 1e9).round() / 1e9;
    json!({
        "spent": rounded(paid.spent),
        "savedByCompression": rounded(paid.compression),
        "estimatedSavedByFilters": paid.filters.map(rounded),
        "estimatedSavedBySampling": paid.sampling.map(rounded),
    })
}

fn all(tally: &Tally) -> Sent {
    let each: Vec<Sent> = tally.services.values().map(Service::sent_in_all).collect();
    Sent::sum(each.iter())
}

fn paid(tally: &Tally, prices: Prices) -> Paid {
    tally.services.values().map(|service| prices.of(service)).fold(Paid::NONE, Paid::and)
}

/// Rows below a heading: the first column to the left, numbers to the right.
struct Columns<const N: usize>(Vec<[String; N]>);

impl<const N: usize> Columns<N> {
    fn of(head: [&str; N]) -> Self {
        Self(vec![head.map(str::to_owned)])
    }

    fn push(&mut self, row: [String; N]) {
        self.0.push(row);
    }

    fn write(&self, out: &mut String, paint: Paint) {
        let width =
            |column: usize| self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        for (number, row) in self.0.iter().enumerate() {
            let mut text = String::new();
            for (column, cell) in row.iter().enumerate() {
                let width = width(column);
                let _ = match column {
                    0 if number > 0 => write!(text, "  {cell:<width$}"), // below what it is of
                    0 => write!(text, "{cell:<0$}", width + 2),
                    _ => write!(text, "  {cell:>width$}"),
                }; // cannot fail
            }
            let text = if number == 0 { paint.tone(Tone::Faint, &text) } else { text };
            line(out, format!("  {text}"));
        }
    }
}

fn line(out: &mut String, text: impl AsRef<str>) {
    out.push_str(text.as_ref().trim_end());
    out.push('\n');
}

fn whole(count: f64) -> u64 {
    count.round() as u64
}

const ESTIMATE: &str = "\
≈ is an estimate: an item that was left out would have been sent as much for as one that was kept, on average.
All other figures are counts. `sent` is what requests carried, repetitions included, without their headers.";
