//! Where telemetry comes in: the function's own link, OTLP/HTTP from any SDK, and Lambda's account of invocations.
//!
//! Each receiver validates what it is given and hands it to the [`Intake`]. What is wrong is answered with what would
//! be right, and harms nothing else.

mod answer;
mod body;
mod http;
mod intake;
mod link;
mod otlp;
mod platform;

pub use http::{Bound, Listen, bind};
pub use intake::{Intake, RuntimeDone, Signal};
pub use link::{LinkSocket, bind_link};

pub(crate) use link::serve_link;
pub(crate) use otlp::serve_otlp;
pub(crate) use platform::serve_platform;
