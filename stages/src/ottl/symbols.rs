//! Symbols: the protocol's enumerations.

use super::Fault;
use crate::suggest;
use spanlayer_otlp::{
    Signal,
    schema::{self, Message},
};

/// The number of a symbol: of the protocol's enumerations, and the Collector's own for types of metrics.
pub(super) fn symbol(name: &str, at: (usize, usize)) -> Result<i64, Fault> {
    const TYPES: [&str; 6] = ["NONE", "GAUGE", "SUM", "HISTOGRAM", "EXPONENTIAL_HISTOGRAM", "SUMMARY"];
    if let Some(number) =
        name.strip_prefix("METRIC_DATA_TYPE_").and_then(|kind| TYPES.iter().position(|one| *one == kind))
    {
        return Ok(number as i64);
    }
    let mut known = Vec::new();
    Signal::ALL.into_iter().for_each(|signal| symbols(schema::request(signal), &mut known));
    match known.iter().find(|(symbol, _)| *symbol == name) {
        Some((_, number)) => Ok(i64::from(*number)),
        None => {
            let otherwise = || "put texts in double quotes; functions are followed by `(`".to_owned();
            let remedy = suggest::did_you_mean(name, known.iter().map(|(symbol, _)| *symbol), otherwise);
            Err(Fault::new(at, format!("the symbol `{name}` is not known"), remedy))
        }
    }
}

fn symbols(message: &'static Message, out: &mut Vec<(&'static str, i32)>) {
    for field in message.fields {
        match field.kind {
            schema::Kind::Enum(names) => out.extend(names),
            // What holds values holds itself, and no enumeration.
            schema::Kind::Message(inner) if !matches!(inner.name, "KeyValue" | "AnyValue") => {
                symbols(inner, out)
            }
            _ => {}
        }
    }
}
