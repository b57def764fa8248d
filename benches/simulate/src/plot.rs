//! SVG that reads on light and on dark paper: mid-tone colours, and text in whatever colour the page has.

use crate::{figures::Figures, report::Result, strategy::Strategy};
use std::fmt::Write;

/// Cost against lateness, a panel a shape: nearer to the lower left corner is better.
pub fn frontier(results: &[Result<'_>]) -> String {
    let rows = results.len().div_ceil(COLUMNS);
    let (width, height) = (COLUMNS as f64 * PANEL + 20.0, rows as f64 * PANEL + 56.0);
    let mut svg = open(width, height, "Billed milliseconds against staleness, by traffic shape");
    for (place, strategy) in Strategy::ALL.into_iter().enumerate() {
        let x = 24.0 + place as f64 * (width - 40.0) / Strategy::ALL.len() as f64;
        mark(&mut svg, strategy, x, 18.0);
        text(&mut svg, x + 10.0, 22.0, "start", strategy.name());
    }
    for (number, result) in results.iter().enumerate() {
        let left = (number % COLUMNS) as f64 * PANEL + 48.0;
        let top = (number / COLUMNS) as f64 * PANEL + 62.0;
        panel(&mut svg, result, left, top);
    }
    svg + "</svg>\n"
}

fn panel(svg: &mut String, result: &Result<'_>, left: f64, top: f64) {
    const SIDE: f64 = PANEL - 74.0;
    // Billed from 1 ms to 2,000 s per thousand; staleness from 10 ms to 1,000 s. Logarithms.
    let x = |billed: f64| left + SIDE * (billed.max(1.0).log10() / 6.3).clamp(0.0, 1.0);
    let y = |late: f64| top + SIDE * (1.0 - ((late.max(0.01).log10() + 2.0) / 5.0).clamp(0.0, 1.0));
    text(svg, left, top - 8.0, "start", result.shape.name);
    for (decade, label) in [(0, "≤1"), (2, "100"), (4, "10k"), (6, "1M")] {
        let at = x(10f64.powi(decade));
        line(svg, (at, top), (at, top + SIDE));
        small(svg, at, top + SIDE + 13.0, "middle", label);
    }
    for (decade, label) in [(-2, "10 ms"), (0, "1 s"), (2, "100 s")] {
        let at = y(10f64.powi(decade));
        line(svg, (left, at), (left + SIDE, at));
        small(svg, left - 4.0, at + 3.0, "end", label);
    }
    small(svg, left + SIDE, top + SIDE + 26.0, "end", "billed ms per 1,000");
    for (strategy, figures) in Strategy::ALL.into_iter().zip(&result.figures).rev() {
        let at = x(figures.per_thousand());
        let (middle, late) = (y(figures.staleness(0.5)), y(figures.staleness(0.99)));
        let colour = colour(strategy);
        let _ = writeln!(
            svg,
            r#"<line x1="{at:.1}" y1="{middle:.1}" x2="{at:.1}" y2="{late:.1}" stroke="{colour}" stroke-opacity=".5" stroke-width="2"/>"#
        );
        mark(svg, strategy, at, late);
    }
}

/// Something over time, a line a strategy, on a logarithmic scale.
pub fn over_time(
    title: &str,
    unit: &str,
    lines: &[(Strategy, Vec<f64>)],
    (every, across): (f64, &str),
    top: f64,
) -> String {
    let (width, height) = (760.0, 330.0);
    let (left, right, above, below) = (64.0, 16.0, 74.0, 36.0);
    let mut svg = open(width, height, title);
    text(&mut svg, 16.0, 20.0, "start", title);
    let longest = lines.iter().map(|(_, values)| values.len()).max().unwrap_or(1).max(2) as f64 - 1.0;
    let decades = top.log10().ceil();
    let x = |index: f64| left + (width - left - right) * index / longest;
    let y = |value: f64| {
        height - below - (height - above - below) * (value.max(1.0).log10() / decades).clamp(0.0, 1.0)
    };
    for decade in 0..=decades as i32 {
        let at = y(10f64.powi(decade));
        line(&mut svg, (left, at), (width - right, at));
        small(&mut svg, left - 5.0, at + 3.0, "end", &format!("{}", 10u64.pow(decade.unsigned_abs())));
    }
    small(&mut svg, 16.0, above - 10.0, "start", unit);
    let ticks = 6.0;
    for tick in 0..=ticks as u32 {
        let index = longest * f64::from(tick) / ticks;
        small(&mut svg, x(index), height - below + 14.0, "middle", &format!("{:.0}", index * every));
    }
    small(&mut svg, width - right, height - 6.0, "end", across);
    for (place, (strategy, values)) in lines.iter().enumerate().rev() {
        let points: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(index, value)| format!("{:.1},{:.1}", x(index as f64), y(*value)))
            .collect();
        let _ = writeln!(
            svg,
            r#"<polyline points="{}" fill="none" stroke="{}" stroke-width="1.8"/>"#,
            points.join(" "),
            colour(*strategy)
        );
        let at = 24.0 + place as f64 * 150.0;
        mark(&mut svg, *strategy, at, 36.0);
        text(&mut svg, at + 10.0, 40.0, "start", strategy.name());
    }
    svg + "</svg>\n"
}

/// Exports begun in each second, for as long as invocations came.
pub fn load(figures: &Figures) -> Vec<f64> {
    figures.load.iter().take(figures.bill.len() * 60).map(|count| f64::from(*count)).collect()
}

/// Billed milliseconds since the start, by minute.
pub fn bill(figures: &Figures) -> Vec<f64> {
    let sum = |sum: &mut f64, micros: &u64| {
        *sum += *micros as f64 / 1e3;
        Some(*sum)
    };
    figures.bill.iter().scan(0.0, sum).collect()
}

fn open(width: f64, height: f64, title: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"system-ui,sans-serif\" role=\"img\" aria-label=\"{title}\">\n\
         <style>text{{fill:#57606a}}@media(prefers-color-scheme:dark){{text{{fill:#c9d1d9}}}}</style>\n"
    )
}

const fn colour(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Adaptive => "#e5484d",
        Strategy::End => "#3b82f6",
        Strategy::Periodic => "#d99a1b",
        Strategy::EndThenPeriodic => "#2f9e63",
        Strategy::Clairvoyant => "#8b8d98",
    }
}

/// A shape of its own each, so that nobody has to tell colours apart.
fn mark(svg: &mut String, strategy: Strategy, x: f64, y: f64) {
    let colour = colour(strategy);
    let path = |points: &[(f64, f64)]| {
        let points: Vec<_> = points.iter().map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy)).collect();
        format!(r#"<polygon points="{}" fill="{colour}"/>"#, points.join(" "))
    };
    let drawn = match strategy {
        Strategy::Adaptive => format!(r#"<circle cx="{x:.1}" cy="{y:.1}" r="5.5" fill="{colour}"/>"#),
        Strategy::End => path(&[(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)]),
        Strategy::Periodic => path(&[(0.0, -5.5), (5.0, 4.0), (-5.0, 4.0)]),
        Strategy::EndThenPeriodic => path(&[(0.0, -6.0), (6.0, 0.0), (0.0, 6.0), (-6.0, 0.0)]),
        Strategy::Clairvoyant => format!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="4.5" fill="none" stroke="{colour}" stroke-width="2"/>"#
        ),
    };
    let _ = writeln!(svg, "{drawn}");
}

fn line(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    let _ = writeln!(
        svg,
        r##"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="#8b8d98" stroke-opacity=".3"/>"##
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    sized(svg, (x, y), anchor, words, 12);
}

fn small(svg: &mut String, x: f64, y: f64, anchor: &str, words: &str) {
    sized(svg, (x, y), anchor, words, 10);
}

fn sized(svg: &mut String, (x, y): (f64, f64), anchor: &str, words: &str, size: u32) {
    let words = words.replace('&', "&amp;").replace('<', "&lt;");
    let _ = writeln!(
        svg,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-size="{size}">{words}</text>"#
    );
}

const COLUMNS: usize = 4;
const PANEL: f64 = 232.0;
