//! Moments and durations as text and numbers.

use std::fmt::Write as _;

/// Appends Unix time in nanoseconds as RFC 3339 with nine decimals, quoted.
pub(super) fn rfc3339(out: &mut String, nanos: u64) {
    let (seconds, rest) = (nanos / NANOS, nanos % NANOS);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    // Writing to a string cannot fail.
    let _ = write!(out, "\"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{rest:09}Z\"");
}

/// Year, month and day of so many days after 1970-01-01 (Howard Hinnant, *chrono-Compatible Low-Level Date
/// Algorithms*, `civil_from_days`): years begin in March, so that a leap day is the last.
pub(crate) const fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, day)
}

/// Days since 1970-01-01 (Howard Hinnant, *chrono-Compatible Low-Level Date Algorithms*, `days_from_civil`).
pub(crate) fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    (era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year).checked_sub(719_468)
}

/// Appends nanoseconds as a number of units: rounded down, or rounded to so many decimals.
pub(super) fn units(out: &mut String, nanos: u64, unit: u64, decimals: Option<u8>) {
    let Some(decimals) = decimals else {
        let _ = write!(out, "{}", nanos / unit);
        return;
    };
    // 128 bits hold 2^64 times 10^9.
    let scale = 10u128.pow(u32::from(decimals));
    let scaled = (u128::from(nanos) * scale + u128::from(unit / 2)) / u128::from(unit);
    let _ = write!(out, "{}", scaled / scale);
    if decimals > 0 {
        let _ = write!(out, ".{:0width$}", scaled % scale, width = usize::from(decimals));
    }
}

const NANOS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(nanos: u64) -> String {
        let mut out = String::new();
        rfc3339(&mut out, nanos);
        out
    }

    #[test]
    fn every_moment_that_fits_has_a_date() {
        assert_eq!(moment(0), "\"1970-01-01T00:00:00.000000000Z\"");
        assert_eq!(moment(1_767_000_000_123_456_789), "\"2025-12-29T09:20:00.123456789Z\"");
        assert_eq!(moment(951_782_400_000_000_000), "\"2000-02-29T00:00:00.000000000Z\"");
        assert_eq!(moment(u64::MAX), "\"2554-07-21T23:34:33.709551615Z\"");
    }

    #[test]
    fn days_agree_with_a_calendar_counted_one_by_one() {
        let leap =
            |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..213_600 {
            assert_eq!(date(days), (year, month, day), "day {days}");
            let length = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
        assert_eq!(year, 2554, "as far as nanoseconds go");
    }

    #[test]
    fn decimals_are_rounded_and_whole_units_rounded_down() {
        let number = |nanos, unit, decimals| {
            let mut out = String::new();
            units(&mut out, nanos, unit, decimals);
            out
        };
        assert_eq!(number(1_999_999, 1_000_000, None), "1");
        assert_eq!(number(1_999_499, 1_000_000, Some(3)), "1.999");
        assert_eq!(number(1_999_500, 1_000_000, Some(3)), "2.000");
        assert_eq!(number(120_000_000, 1_000_000, Some(0)), "120");
        assert_eq!(number(7, 1, Some(2)), "7.00");
        assert_eq!(number(u64::MAX, 1, Some(9)), "18446744073709551615.000000000");
    }
}
