//! What was probably meant.

pub(crate) use spanlayer_pipeline::stages::suggest::closest;
