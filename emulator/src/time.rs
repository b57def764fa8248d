//! Timestamps as the platform writes them.

use std::time::Duration;

/// A Unix time as ISO 8601 in UTC with milliseconds, the form of every Telemetry API timestamp.
pub(crate) fn iso(unix: Duration) -> String {
    let seconds = unix.as_secs();
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", unix.subsec_millis())
}

/// The date of a day counted from 1970-01-01 (H. Hinnant, *chrono-compatible low-level date algorithms*).
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

/// A duration in milliseconds, with the three decimals that the platform gives.
pub(crate) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_at_leap_days_and_year_ends() {
        assert_eq!(iso(Duration::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(Duration::from_millis(951_782_399_999)), "2000-02-28T23:59:59.999Z");
        assert_eq!(iso(Duration::from_millis(951_782_400_000)), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(Duration::from_millis(1_767_348_000_123)), "2026-01-02T10:00:00.123Z");
        assert_eq!(iso(Duration::from_millis(1_735_689_599_999)), "2024-12-31T23:59:59.999Z");
    }
}
