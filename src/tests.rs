//! The wrapper as a whole: services called as `lambda_runtime` calls them, the extension's end of the socket read.

mod children;
mod keeping;
mod logs;
mod metrics;
mod outcomes;
mod outgoing;
mod overrides;
mod runtime;
mod sending;
mod unfinished;
mod world;
