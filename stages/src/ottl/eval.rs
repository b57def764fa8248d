//! Conditions and values, compiled, at work.

use super::{
    Failed,
    compare::{Sign, compare},
    functions::Converter,
    path::Path,
    types::{self, Types},
};
use crate::{
    record::{Key, Value},
    scene::Scene,
};
use regex_lite::Regex;

/// Something that is true or not.
#[derive(Debug)]
pub(super) enum Test {
    /// Always the same.
    Always(bool),
    Not(Box<Test>),
    All(Vec<Test>),
    Any(Vec<Test>),
    Compare(Expr, Sign, Expr),
    /// What a function says.
    Is(Expr),
}

/// Something that has a value.
#[derive(Debug)]
pub(super) enum Expr {
    Literal(Value),
    Path(Path),
    Call(Box<Call>),
    Math(Box<Expr>, Math, Box<Expr>),
    List(Vec<Expr>),
    Map(Vec<(String, Expr)>),
}

/// A function with what it is given.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) converter: &'static Converter,
    pub(super) args: Vec<Option<Expr>>,
    pub(super) pattern: Option<Regex>,
    /// What leads to an element of what it gives.
    pub(super) keys: Vec<Key>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Math {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Test {
    pub(super) fn holds(&self, scene: &mut Scene<'_>) -> Result<bool, Failed> {
        match self {
            Self::Always(answer) => Ok(*answer),
            Self::Not(test) => test.holds(scene).map(|holds| !holds),
            Self::All(tests) => {
                for test in tests {
                    if !test.holds(scene)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(tests) => {
                for test in tests {
                    if test.holds(scene)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Self::Compare(one, sign, other) => {
                let one = one.value(scene)?;
                Ok(compare(&one, &other.value(scene)?, *sign))
            }
            Self::Is(expr) => match expr.value(scene)? {
                Value::Bool(answer) => Ok(answer),
                other => Err(Failed(format!("expected a truth value, and found {}", other.name()))),
            },
        }
    }
}

impl Expr {
    /// What it may come to, as far as that is known.
    pub(super) fn types(&self) -> Types {
        match self {
            Self::Literal(value) => types::of(value),
            Self::Path(path) => path.types(),
            Self::Call(call) if call.keys.is_empty() => call.converter.gives,
            Self::Call(_) => types::ANY,
            Self::Math(..) => types::AMOUNT,
            Self::List(_) => types::LIST,
            Self::Map(_) => types::MAP,
        }
    }

    /// What it is, where that is written.
    pub(super) fn constant(&self) -> Option<Value> {
        match self {
            Self::Literal(value) => Some(value.clone()),
            Self::List(items) => items.iter().map(Self::constant).collect::<Option<_>>().map(Value::List),
            _ => None,
        }
    }

    pub(super) fn value(&self, scene: &mut Scene<'_>) -> Result<Value, Failed> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Path(path) => Ok(path.get(scene)),
            Self::Call(call) => call.value(scene),
            Self::Math(one, math, other) => {
                let one = one.value(scene)?;
                math.of(one, other.value(scene)?)
            }
            Self::List(items) => {
                let values: Result<_, _> = items.iter().map(|item| item.value(scene)).collect();
                values.map(Value::List)
            }
            Self::Map(entries) => {
                let entry = |(key, value): &(String, Self)| Ok((key.clone(), value.value(scene)?));
                let entries: Result<_, _> = entries.iter().map(entry).collect();
                entries.map(Value::Map)
            }
        }
    }
}

/// What is given to a function, nil for what is left out.
pub(super) fn values(args: &[Option<Expr>], scene: &mut Scene<'_>) -> Result<Vec<Value>, Failed> {
    args.iter().map(|arg| arg.as_ref().map_or(Ok(Value::Nil), |arg| arg.value(scene))).collect()
}

/// The same before there is anything, if all of it is written.
pub(super) fn constants(args: &[Option<Expr>]) -> Option<Vec<Value>> {
    args.iter().map(|arg| arg.as_ref().map_or(Some(Value::Nil), Expr::constant)).collect()
}

impl Call {
    fn value(&self, scene: &mut Scene<'_>) -> Result<Value, Failed> {
        let args = values(&self.args, scene)?;
        let value = (self.converter.run)(&args, self.pattern.as_ref(), scene)?;
        Ok(self.keys.iter().fold(value, |value, key| value.member(key)))
    }
}

impl Math {
    /// Whole numbers stay whole and wrap, as Go's do.
    fn of(self, one: Value, other: Value) -> Result<Value, Failed> {
        use Value::{Double, Duration, Int, Time};
        Ok(match (one, other) {
            (Int(one), Int(other)) => Int(match self {
                Self::Add => one.wrapping_add(other),
                Self::Subtract => one.wrapping_sub(other),
                Self::Multiply => one.wrapping_mul(other),
                Self::Divide if other == 0 => return Err(Failed("attempted to divide by zero".to_owned())),
                Self::Divide => one.wrapping_div(other),
            }),
            (Int(one), Double(other)) => self.of_doubles(one as f64, other)?,
            (Double(one), Int(other)) => self.of_doubles(one, other as f64)?,
            (Double(one), Double(other)) => self.of_doubles(one, other)?,
            (Time(one), Time(other)) if self == Self::Subtract => Duration(one.wrapping_sub(other)),
            (Time(one), Duration(other)) if self == Self::Add => Time(one.wrapping_add(other)),
            (Time(one), Duration(other)) if self == Self::Subtract => Time(one.wrapping_sub(other)),
            (Duration(one), Duration(other)) if self == Self::Add => Duration(one.wrapping_add(other)),
            (Duration(one), Duration(other)) if self == Self::Subtract => Duration(one.wrapping_sub(other)),
            (Duration(one), Time(other)) if self == Self::Add => Time(one.wrapping_add(other)),
            (one, other) => {
                return Err(Failed(format!(
                    "{} and {} are no numbers to reckon with",
                    one.name(),
                    other.name()
                )));
            }
        })
    }

    fn of_doubles(self, one: f64, other: f64) -> Result<Value, Failed> {
        Ok(Value::Double(match self {
            Self::Add => one + other,
            Self::Subtract => one - other,
            Self::Multiply => one * other,
            Self::Divide if other == 0.0 => return Err(Failed("attempted to divide by zero".to_owned())),
            Self::Divide => one / other,
        }))
    }
}
