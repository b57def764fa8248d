//! Widths, truncation, durations: how text fits its column.

use std::fmt::Write;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns that `text` takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// `text` safe to print on one line: what would move the cursor, end the line or turn the direction of writing is
/// replaced, white space by blanks. Spans come from anywhere, and a terminal obeys what it reads.
pub(super) fn clean(text: &str) -> String {
    let unsafe_on_a_line = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
    };
    let shown = |c| match c {
        '\t' | '\n' | '\r' => ' ',
        c if unsafe_on_a_line(c) => '\u{fffd}',
        c => c,
    };
    text.chars().map(shown).collect()
}

/// The beginning of `text` that fits into `columns`, with an ellipsis where something is missing.
pub(super) fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        kept.push(c);
    }
    if columns > 0 {
        kept.push('…');
    }
    kept
}

/// `text` cut or filled to exactly `columns`.
pub(super) fn pad(text: &str, columns: usize) -> String {
    let mut out = fit(text, columns);
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(&out))));
    out
}

/// A duration in the unit that suits it, three digits: `850 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`, `3.4 min`, `2.5 h`.
pub fn duration(nanos: u64) -> String {
    let value = nanos as f64;
    let (value, unit) = match nanos {
        0 => return "0".to_owned(),
        1..=999 => return format!("{nanos} ns"),
        // A value that rounds up to 1000 moves on to the next unit.
        1_000..=999_499 => (value / 1e3, "µs"),
        999_500..=999_499_999 => (value / 1e6, "ms"),
        999_500_000..=119_999_999_999 => (value / 1e9, "s"),
        120_000_000_000..=7_199_999_999_999 => return format!("{:.1} min", value / 60e9),
        _ => return format!("{:.1} h", value / 3_600e9),
    };
    let digits = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.digits$} {unit}")
}

/// Bytes as lower-case hexadecimal digits, as ids are written.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_keep_three_digits_in_every_unit() {
        let said: Vec<_> = [
            0,
            850,
            12_345,
            999_499,
            999_500,
            4_560_000,
            99_960_000,
            1_204_000_000,
            90_000_000_000,
            204_000_000_000,
        ]
        .into_iter()
        .map(duration)
        .collect();
        assert_eq!(
            said,
            [
                "0", "850 ns", "12.3 µs", "999 µs", "1.00 ms", "4.56 ms", "100 ms", "1.20 s", "90.0 s",
                "3.4 min"
            ]
        );
    }

    #[test]
    fn a_wide_character_is_never_cut_in_half() {
        // Each of these takes two columns: five columns hold two of them and the ellipsis.
        assert_eq!(fit("注文作成", 5), "注文…");
        assert_eq!(fit("注文作成", 4), "注…");
        assert_eq!(width(&pad("注文作成", 4)), 4, "filled up where half a character would have gone");
        assert_eq!(fit("注文作成", 8), "注文作成");
        assert_eq!(fit("anything", 0), "");
    }

    #[test]
    fn nothing_that_a_terminal_would_obey_survives() {
        assert_eq!(clean("a\x1b[31mb\r\nc\u{202e}d"), "a\u{fffd}[31mb  c\u{fffd}d");
    }
}
