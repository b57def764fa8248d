//! From one `next` to another: what happens when, decided by values without a clock, performed by one driver.
//!
//! [`machine`] says what may follow what, [`policy`] when to flush and how long that may cost, [`patience`] how much
//! waiting a destination has earned; the driver has the sockets, the timers and the pipeline.

pub(crate) mod drain;
pub(crate) mod driver;
pub(crate) mod ending;
pub mod machine;
pub mod patience;
pub mod policy;

mod current;
mod estimate;
mod exports;
