//! What the function and the extension say to each other: the only description of it, and both ends.
//!
//! The function connects to a Unix stream socket ([`socket_path`]) and writes frames; the extension only reads. Nothing
//! is ever answered, so a throttled CPU never makes one process wait for the other.
//!
//! # A frame
//!
//! | Bytes | Meaning |
//! |---|---|
//! | 4 | length of what follows, kind included; little-endian; 1 to [`MAX_LENGTH`] |
//! | 1 | kind |
//! | length − 1 | payload |
//!
//! | Kind | Payload | When |
//! |---|---|---|
//! | 1 *hello* | [`Hello`] | first on every connection |
//! | 2 *started* | [`Started`] | an invocation has begun; before anything else that is sent of it |
//! | 3 *ended* | [`Ended`] | the response has gone to Lambda |
//! | 4 *traces* | `ExportTraceServiceRequest` | any time |
//! | 5 *metrics* | `ExportMetricsServiceRequest` | any time |
//! | 6 *logs* | `ExportLogsServiceRequest` | any time |
//! | 7 *unfinished* | [`Unfinished`] | while an invocation runs that may never end: in place of the last one of that invocation; *ended* makes it void |
//! | 8 *said* | 8 bytes, little-endian | before something is taken back from the journal: how far that was said, as its check there |
//!
//! What the function would have to wake the extension for, and the extension only needs if the function dies, is kept in
//! a [`Journal`] beside the socket until it is sent: *started*, and telemetry that is still being gathered.
//!
//! The records are protobuf messages with the field numbers below. Unknown kinds and unknown fields are skipped, so
//! either end may be the newer one. A length out of bounds cannot be recovered from and ends the connection.
//!
//! | Record | Fields: number, name, protobuf type |
//! |---|---|
//! | [`Hello`] | 1 version `string` · 2 resource `bytes` · 3 journal `string` |
//! | [`Started`] | 1 request_id `string` · 2 trace_id `bytes` · 3 span_id `bytes` · 4 parent_span_id `bytes` · 5 flags `uint32` · 6 trace_state `string` · 7 name `string` · 8 kind `uint32` · 9 start_unix_nano `fixed64` · 10 deadline_unix_millis `uint64` · 11 coldstart `bool` · 12 attributes `bytes` |
//! | [`Ended`] | 1 request_id `string` · 2 end_unix_nano `fixed64` · 3 error `bool` · 4 dropped_spans `uint64` |
//! | [`Unfinished`] | 1 request_id `string` · 2 spans `bytes` · 3 name `string` · 4 attributes `bytes` |

mod backlog;
mod decoder;
mod frame;
mod journal;
mod place;
mod records;
mod sender;

pub use backlog::Priority;
pub use decoder::{BadFrame, Decoder};
pub use frame::{Frame, MAX_LENGTH};
pub use journal::{Journal, Testament};
pub use place::{DISABLED, SOCKET, STATE_DIR, socket_path, state_dir};
pub use records::{Ended, Hello, Started, Unfinished};
pub use sender::{BACKLOG, Sender};
