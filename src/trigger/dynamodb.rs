//! DynamoDB streams.

use super::{
    Event, Found, Source,
    arn::Arn,
    attributes::{Attributes, count},
    messages::Common,
    response::Answer,
};
use opentelemetry::trace::SpanKind;

pub(super) const SOURCE: Source = Source {
    name: "DynamoDB stream",
    detected_by: "`Records[].eventSource` = `aws:dynamodb`",
    span_name: "function name",
    kind: SpanKind::Server,
    faas_trigger: "datasource",
    read,
};

fn read(event: &Event<'_, '_>) -> Option<Found> {
    let records = event.records("aws:dynamodb")?;
    let (mut table, mut operation) = (Common::Unknown, Common::Unknown);
    let mut time = None;
    let mut seen = 0;
    for record in records.iter() {
        table.add(record.text("eventSourceARN"));
        operation.add(record.text("eventName").and_then(|name| document_operation(&name)));
        if seen == 0 {
            time = record.object("dynamodb").and_then(|change| change.get("ApproximateCreationDateTime"));
        }
        seen += 1;
    }
    let total = records.total();
    let name = table.only().and_then(|arn| Arn::parse(arn)?.name_of("table"));
    let mut attributes = Attributes::new();
    attributes.text("faas.document.collection", name);
    // Of a batch with several operations none is named: one would be wrong.
    if let (Some(operation), true) = (operation.only(), total == seen) {
        attributes.word("faas.document.operation", operation);
    }
    attributes.text("faas.document.time", time.and_then(|time| iso8601(time.number()?)));
    attributes.only("aws.dynamodb.table_names", name);
    attributes.integer("messaging.batch.message_count", Some(count(total)));
    Some(Found { attributes, answer: Answer::Batch, ..Found::default() })
}

fn document_operation(event_name: &str) -> Option<&'static str> {
    match event_name {
        "INSERT" => Some("insert"),
        "MODIFY" => Some("edit"),
        "REMOVE" => Some("delete"),
        _ => None,
    }
}

/// Seconds since 1970 as ISO 8601 in UTC, to the second.
fn iso8601(seconds: f64) -> Option<String> {
    if !(0.0..LAST_SECOND).contains(&seconds) {
        return None;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "in range, and the fraction is to go"
    )]
    let seconds = seconds as u64;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    // Years that begin in March put the leap day at the end (Howard Hinnant, "chrono-compatible low-level date
    // algorithms"); 400 of them always have 146,097 days.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year_of_era + next_year;
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// The end of the year 9999, where four digits end.
const LAST_SECOND: f64 = 253_402_300_800.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_right_around_leap_days_and_absent_when_absurd() {
        let written = |seconds| iso8601(seconds).unwrap_or_default();
        assert_eq!(written(0.0), "1970-01-01T00:00:00Z");
        assert_eq!(written(1_480_642_020.9), "2016-12-02T01:27:00Z");
        assert_eq!(written(951_782_400.0), "2000-02-29T00:00:00Z");
        assert_eq!(written(4_107_542_399.0), "2100-02-28T23:59:59Z");
        assert_eq!(written(4_107_542_400.0), "2100-03-01T00:00:00Z");
        assert_eq!(written(LAST_SECOND - 1.0), "9999-12-31T23:59:59Z");
        for absurd in [-1.0, LAST_SECOND, f64::MAX, f64::NAN] {
            assert_eq!(iso8601(absurd), None);
        }
    }
}
