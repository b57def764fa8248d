//! What was probably meant.

pub(crate) use spanlayer_pipeline::process::suggest::closest;
