//! Everything that a file can name: what is known, what each takes, and what to use instead of what is not.

pub(crate) mod connectors;
pub(crate) mod exporters;
pub(crate) mod extensions;
mod processing;
pub(crate) mod processors;
pub(crate) mod receivers;
pub(crate) mod service;
pub(crate) mod shared;
mod unsupported;

use crate::options::Opt;
pub(crate) use processing::{CONDITIONS, STATEMENTS, SUB_POLICY};
pub(crate) use unsupported::instead;

/// The part that a component plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Takes data in.
    Receiver,
    /// Changes it, or leaves some out.
    Processor,
    /// Sends it on.
    Exporter,
    /// Joins pipelines.
    Connector,
    /// Helps exporters.
    Extension,
}

impl Role {
    /// All of them, in a file's order.
    pub const ALL: [Self; 5] =
        [Self::Receiver, Self::Processor, Self::Exporter, Self::Connector, Self::Extension];

    /// The section that declares them.
    pub const fn section(self) -> &'static str {
        match self {
            Self::Receiver => "receivers",
            Self::Processor => "processors",
            Self::Exporter => "exporters",
            Self::Connector => "connectors",
            Self::Extension => "extensions",
        }
    }

    /// One of them.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Receiver => "receiver",
            Self::Processor => "processor",
            Self::Exporter => "exporter",
            Self::Connector => "connector",
            Self::Extension => "extension",
        }
    }

    /// Everything that is known of this role.
    pub const fn components(self) -> &'static [Component] {
        match self {
            Self::Receiver => receivers::ALL,
            Self::Processor => processors::ALL,
            Self::Exporter => exporters::ALL,
            Self::Connector => connectors::ALL,
            Self::Extension => extensions::ALL,
        }
    }

    /// The component of a type, by its name or a former one.
    pub fn find(self, kind: &str) -> Option<&'static Component> {
        self.components().iter().find(|one| one.name == kind || one.also.contains(&kind))
    }
}

/// One component.
#[derive(Debug)]
#[non_exhaustive]
pub struct Component {
    /// Its type: what stands before the `/` of an id.
    pub name: &'static str,
    /// Other names of the same.
    pub also: &'static [&'static str],
    /// What it takes.
    pub options: &'static [Opt],
    /// What it does, in one line.
    pub about: &'static str,
}
