//! What is wrapped around a destination: each stage is an [`Export`](crate::Export) around another, and adds one thing.

pub(crate) mod breaker;
pub(crate) mod meter;
pub(crate) mod retry;
pub(crate) mod timeout;

#[cfg(test)]
pub(crate) mod scripted;
