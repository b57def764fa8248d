//! Points in time as Lambda and log lines write them, in nanoseconds since the Unix epoch.

/// Reads RFC 3339, and what loggers make of it: a blank for the `T`, a comma before the fraction, no zone (UTC then, as
/// everywhere in Lambda). `None` for anything else, and for times before 1970 or after 2554.
pub(super) fn timestamp(text: &str) -> Option<u64> {
    let bytes = text.trim().as_bytes();
    let number = |from: usize, to: usize| -> Option<i64> {
        let digits = bytes.get(from..to)?;
        digits
            .iter()
            .try_fold(0, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let separated = bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && matches!(bytes.get(10), Some(b'T' | b't' | b' '))
        && bytes.get(13) == Some(&b':')
        && bytes.get(16) == Some(&b':');
    if !separated {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut rest = &bytes[19..];
    let mut nanos = 0;
    if let [b'.' | b',', fraction @ ..] = rest {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // Nine digits are nanoseconds; what is finer is cut off.
        nanos = (0..9).fold(0, |sum, at| {
            sum * 10 + fraction[..digits].get(at).map_or(0, |digit| i64::from(digit - b'0'))
        });
        rest = &fraction[digits..];
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset(rest)?;
    u64::try_from(seconds).ok()?.checked_mul(1_000_000_000)?.checked_add(u64::try_from(nanos).ok()?)
}

/// A number that a log line gives as its time: seconds, milli-, micro- or nanoseconds, told apart by their size. (They
/// overlap for no time between 1973 and 5138.)
pub(super) fn epoch(number: f64) -> Option<u64> {
    let unit = match number {
        n if !n.is_finite() || n < 1e8 => return None,
        n if n < 1e11 => 1_000_000_000,
        n if n < 1e14 => 1_000_000,
        n if n < 1e17 => 1_000,
        n if n < 1.8e19 => 1,
        _ => return None,
    };
    // Whole units by themselves: a double holds them exactly, and their nanoseconds it does not.
    (number.trunc() as u64).checked_mul(unit)?.checked_add((number.fract() * unit as f64) as u64)
}

/// Milliseconds as durations are given, in nanoseconds; nonsense is `None`.
pub(super) fn millis(number: f64) -> Option<u64> {
    (0.0..1e12).contains(&number).then_some((number * 1e6) as u64)
}

/// Seconds east of Greenwich.
fn offset(zone: &[u8]) -> Option<i64> {
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i64::from(byte - b'0'));
    let (sign, digits) = match zone {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', digits @ ..] => (1, digits),
        [b'-', digits @ ..] => (-1, digits),
        _ => return None,
    };
    match *digits {
        [a, b, b':', c, d] | [a, b, c, d] => {
            Some(sign * ((digit(a)? * 10 + digit(b)?) * 3600 + (digit(c)? * 10 + digit(d)?) * 60))
        }
        [a, b] => Some(sign * (digit(a)? * 10 + digit(b)?) * 3600),
        _ => None,
    }
}

/// Days since 1970-01-01 by Howard Hinnant's `days_from_civil`: years that begin on 1 March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_platform_and_loggers_write_them() {
        const SECOND: u64 = 1_000_000_000;
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2000-02-29T00:00:00.123Z", Some(951_782_400 * SECOND + 123_000_000)),
            ("2026-03-01T00:00:00.000Z", Some(1_772_323_200 * SECOND)),
            ("2026-03-01T01:30:00+01:30", Some(1_772_323_200 * SECOND)),
            ("2026-02-28T19:00:00-0500", Some(1_772_323_200 * SECOND)),
            ("2026-03-01 00:00:00,5", Some(1_772_323_200 * SECOND + 500_000_000)),
            ("2026-03-01T00:00:00.1234567891Z", Some(1_772_323_200 * SECOND + 123_456_789)),
            ("12:01:23:521Z", None),
            ("2026-13-01T00:00:00Z", None),
            ("2026-03-01", None),
            ("1969-12-31T23:59:59Z", None),
            ("9999-12-31T23:59:59Z", None),
            ("2026-03-01T00:00:00Zulu", None),
            ("2026-03-0\u{e9}T00:00:00Z", None),
            ("", None),
        ] {
            assert_eq!(timestamp(text), expected, "{text}");
        }
    }

    #[test]
    fn numbers_are_taken_for_the_unit_that_gives_a_likely_year() {
        for number in [1.7e9, 1.7e12, 1.7e15, 1.7e18] {
            assert_eq!(epoch(number), Some(1_700_000_000_000_000_000), "{number}");
        }
        for number in [0.0, -1.7e9, 12.5, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(epoch(number), None, "{number}");
        }
    }
}
