//! Pipeline files in the OpenTelemetry Collector's own vocabulary.
//!
//! ```text
//! text ─▶ yaml ─▶ expand ─▶ declared ─▶ pipelines ─▶ exporters, receivers ─▶ Plan
//!         places  ${…}      options     what goes    destinations           what is run, and every
//!         kept              checked,    where                               problem with its place
//!                           processors
//! ```
//!
//! [`components`](Role::components) is the one table of what is known: the reader, the checker, the JSON schema and the
//! guide are made from it. What is faulty costs itself: the rest of a file is still run, unless data would leave that
//! should have been changed or left out.

mod advice; // what works, and is unwise
mod components; // everything that a file can name
mod course; // a flow that may not be known yet
mod declared; // components as a file declares them
mod expand; // what a file refers to
mod explain; // a plan in words and pictures
mod exporters; // exporters as destinations
mod flow; // the way of a payload
mod options; // what an option takes
mod pipelines; // which data goes through what to where
mod plan; // the whole
mod problem; // what is wrong, where, and what to do
mod processors; // what changes data, compiled
mod receivers; // where to listen
mod schema; // for editors, and for the guide
mod watched; // where the program itself is watched
pub mod yaml; // text to values that know where they stand

use spanlayer_pipeline::stages::suggest;

pub use components::{Component, Role};
pub use course::Course;
pub use expand::Surroundings;
pub use explain::explain;
pub use flow::{Flow, Source};
pub use options::{Fate, Kind, Opt, section::MASKED};
pub use plan::{Gathering, Held, Loaded, Plan, load};
pub use problem::{At, Problem, Severity};
pub use receivers::{Listening, Platform, Receivers};
pub use schema::{schema, tables};
pub use watched::Watched;
