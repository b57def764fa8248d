//! What must not leave: what happens to every payload between its arrival and the queue.
//!
//! ```text
//! redact   what must not leave is made unreadable, in every place of every signal
//! ```
//!
//! Everything here takes and gives encoded requests, and leaves alone those in which nothing is to be changed: they are
//! not decoded.
//!
//! ```
//! use spanlayer_process::redact::{Redactor, Rules};
//!
//! let redactor = Redactor::new(Rules::default())?;
//! let line = "GET https://example.com/k?X-Amz-Signature=fe5f80f77d5fa3be";
//! assert_eq!(redactor.redact_text(line).as_deref(), Some("GET https://example.com/k?X-Amz-Signature=****"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod glob;
pub mod redact;

pub use glob::glob;
pub use redact::{Redactor, Rules};
