//! Comparisons, as the Collector's `pkg/ottl/compare.go` has them: values of different types are not equal, and neither
//! is less; whole numbers and others compare as numbers.

use crate::record::Value;
use std::cmp::Ordering;

/// A sign between two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sign {
    Equal,
    Differs,
    Less,
    AtMost,
    More,
    AtLeast,
}

impl Sign {
    pub(super) fn of(sign: &str) -> Option<Self> {
        Some(match sign {
            "==" => Self::Equal,
            "!=" => Self::Differs,
            "<" => Self::Less,
            "<=" => Self::AtMost,
            ">" => Self::More,
            ">=" => Self::AtLeast,
            _ => return None,
        })
    }

    const fn allows(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Differs => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::More => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }
}

pub(super) fn compare(one: &Value, other: &Value, sign: Sign) -> bool {
    use Value::{Bool, Bytes, Double, Duration, Id, Int, List, Map, Nil, Text, Time};
    let order = match (one, other) {
        (Nil, Nil) => Some(Ordering::Equal),
        (Bool(one), Bool(other)) => Some(one.cmp(other)),
        (Int(one), Int(other)) | (Time(one), Time(other)) | (Duration(one), Duration(other)) => {
            Some(one.cmp(other))
        }
        (Int(one), Double(other)) => (*one as f64).partial_cmp(other),
        (Double(one), Int(other)) => one.partial_cmp(&(*other as f64)),
        (Double(one), Double(other)) => one.partial_cmp(other),
        (Text(one), Text(other)) => Some(one.cmp(other)),
        (Bytes(one), Bytes(other)) => Some(one.cmp(other)),
        (Id(_), Id(_)) | (List(_), List(_)) | (Map(_), Map(_)) => {
            let same = same(one, other);
            return match sign {
                Sign::Equal => same,
                Sign::Differs => !same,
                _ => false,
            };
        }
        _ => None,
    };
    order.map_or(sign == Sign::Differs, |order| sign.allows(order))
}

/// Whether two are the same, whatever the order of names in maps.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Map(one), Value::Map(other)) => {
            let within = |(key, value): &(String, Value)| {
                other.iter().any(|(other_key, other)| key == other_key && same(value, other))
            };
            one.len() == other.len() && one.iter().all(within)
        }
        (Value::List(one), Value::List(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other,
    }
}
