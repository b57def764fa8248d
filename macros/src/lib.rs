//! The attribute macros of spanlayer.
