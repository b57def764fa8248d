//! What an option takes: declared once, for the reader, the checker, the JSON schema and the guide.

pub(crate) mod check;
pub(crate) mod section;
pub(crate) mod value;

/// One option of a component.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opt {
    /// Its name, the Collector's where the Collector has it.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// What holds when it is not set; empty for nothing.
    pub default: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// What it means, in one line; why it has no effect; or what to do instead.
    pub about: &'static str,
}

/// What an option takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Any text.
    Text,
    /// A text that is never shown, of which a part may lie with AWS.
    Secret,
    /// Any text, of which a part may lie with AWS.
    Name,
    /// `true` or `false`.
    Bool,
    /// A whole number, from the first to the second.
    Whole(u64, u64),
    /// A number, from the first to the second.
    Number(f64, f64),
    /// A duration as Go writes it.
    Duration,
    /// One of these.
    Choice(&'static [&'static str]),
    /// An `http` or `https` address.
    Address,
    /// What gRPC is given: a host with a port, or an address.
    Target,
    /// A host with a port, to listen on.
    Listen,
    /// Names with values that are never shown.
    Headers,
    /// A list of texts.
    Texts,
    /// Options of its own.
    Section(&'static [Opt]),
    /// A list of such.
    Sections(&'static [Opt]),
    /// Anything: whoever uses it says what is wrong with it.
    Free,
}

/// What becomes of an option that is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It counts. When it is faulty, only it is ignored.
    Used,
    /// It counts, and without it the component would do something else than was asked for.
    Needed,
    /// It is taken, and has no effect.
    Ignored,
    /// It is refused, and ignored.
    Refused,
    /// It is refused, and the component with it.
    Fatal,
}

/// An option that counts.
pub(crate) const fn opt(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Opt {
    Opt { name, kind, default, fate: Fate::Used, about }
}

/// An option that must be right, if it is set.
pub(crate) const fn needed(
    name: &'static str,
    kind: Kind,
    default: &'static str,
    about: &'static str,
) -> Opt {
    Opt { name, kind, default, fate: Fate::Needed, about }
}

/// An option without effect, and why.
pub(crate) const fn ignored(name: &'static str, kind: Kind, why: &'static str) -> Opt {
    Opt { name, kind, default: "", fate: Fate::Ignored, about: why }
}

/// An option that is refused, and what to do instead.
pub(crate) const fn refused(name: &'static str, instead: &'static str) -> Opt {
    Opt { name, kind: Kind::Free, default: "", fate: Fate::Refused, about: instead }
}

/// An option whose absence would not do what was asked for.
pub(crate) const fn fatal(name: &'static str, instead: &'static str) -> Opt {
    Opt { name, kind: Kind::Free, default: "", fate: Fate::Fatal, about: instead }
}

impl Kind {
    /// What it takes, in words.
    pub fn words(&self) -> String {
        match self {
            Self::Text | Self::Name | Self::Secret => "text".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Whole(_, u64::MAX) => "whole number".to_owned(),
            Self::Whole(min, max) => format!("whole number from {min} to {max}"),
            Self::Number(min, max) if *max == f64::MAX => format!("number, at least {min}"),
            Self::Number(min, max) => format!("number from {min} to {max}"),
            Self::Duration => "duration".to_owned(),
            Self::Choice(names) => listed(names.iter().copied()),
            Self::Address => "http or https address".to_owned(),
            Self::Target => "host:port, or address".to_owned(),
            Self::Listen => "host:port".to_owned(),
            Self::Headers => "names with values".to_owned(),
            Self::Texts => "list of texts".to_owned(),
            Self::Section(_) => "options".to_owned(),
            Self::Sections(_) => "list of options".to_owned(),
            Self::Free => "see below".to_owned(),
        }
    }

    /// The options within.
    pub const fn within(&self) -> &'static [Opt] {
        match self {
            Self::Section(options) | Self::Sections(options) => options,
            _ => &[],
        }
    }
}

/// `a, b or c`.
pub(crate) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    match names.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        _ => names.concat(),
    }
}
