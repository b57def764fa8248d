//! Lambda on loopback: Runtime, Extensions and Telemetry APIs, with faults on request; and an OTLP destination that
//! misbehaves on request.
//!
//! ```text
//! settings ──▶ emulator ──▶ lifecycle   init ▸ invoke … ▸ reset or shutdown
//!                              │  ▲
//!                  process ◀───┘  │     children, their output, their signals
//!                     │         state   who registered, who waits, who runs: one lock, no I/O
//!                     └──▶ api ───┘     what the children call
//!                          telemetry    what they are told of it all
//! destination                           where telemetry ends up: records it, or fails as asked
//! ```
//!
//! Faithful to the documented behaviour, and where documents are silent to AWS's own Runtime Interface Emulator. What
//! it does beyond that one: INVOKE and telemetry together, timeouts, resets, crashes and freezes on request, exact
//! times.

mod api;
mod binary;
pub mod destination;
mod emulator;
mod environment;
mod event;
mod guard;
mod ids;
mod in_process;
mod lifecycle;
mod outcome;
mod output;
mod process;
mod scratch;
mod settings;
mod state;
mod telemetry;
mod time;
mod variables;

pub use binary::binary;
pub use destination::{Destination, Mode};
pub use emulator::Emulator;
pub use event::{Event, TraceHeader};
pub use outcome::{
    Ended, Error, Exit, ExtensionExit, ExtensionInit, FunctionError, Init, Invocation, Reason, Shutdown,
};
pub use output::{Line, Source};
pub use process::Memory;
pub use settings::{Builder, LogFormat, TelemetryApi};
