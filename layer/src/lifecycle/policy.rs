//! When to flush, and what that may cost: a value without clock or I/O, told what happens, asked what to do.
//!
//! Flushing at the end of an invocation is billed. Not flushing makes data older, and whatever waits when Lambda
//! freezes the environment waits until the next invocation, which may never come. [`Mode::Adaptive`] weighs the two by
//! how often the function runs; the other modes do as they are told.

use super::{estimate::Estimate, patience::Patience};
use std::time::Duration;

/// `SPANLAYER_FLUSH`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A function that runs often exports beside its next invocation, any other at the end.
    Adaptive,
    /// At the end of every invocation.
    End,
    /// All the time; nothing is ever waited for.
    Continuous,
    /// When this much time has passed since the last flush: beside an invocation, or in the midst of a long one.
    Periodic(Duration),
}

impl Mode {
    /// Reads `SPANLAYER_FLUSH`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || "expected adaptive, end, continuous or periodic,<milliseconds>".to_owned();
        match text.to_ascii_lowercase().as_str() {
            "adaptive" => Ok(Self::Adaptive),
            "end" => Ok(Self::End),
            "continuous" => Ok(Self::Continuous),
            periodic => {
                let every = periodic.strip_prefix("periodic,").ok_or_else(wrong)?;
                let every = spanlayer_host::vars::duration(every.trim()).map_err(|_| wrong())?;
                if every.is_zero() { Err(wrong()) } else { Ok(Self::Periodic(every)) }
            }
        }
    }
}

/// What is held for delivery, and how that looks. A destination that failed recently, or for which waiting was in vain
/// too often, is asked now and then, and never waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Bytes waiting.
    pub bytes: u64,
    /// Items waiting.
    pub items: u64,
    /// Items with errors among what waits.
    pub errors: u64,
    /// How long the oldest has waited for a destination that may be waited for; `None` when there is no such thing.
    pub age: Option<Duration>,
    /// Whether some destination may be waited for.
    pub reachable: bool,
    /// How long until one of the others, for which something waits, may be asked again.
    pub probe: Option<Duration>,
}

impl Held {
    fn any(&self) -> bool {
        self.age.is_some()
    }
}

/// How much of an invocation can be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// Its end will be told, by the function or by the platform.
    Clear,
    /// Nobody will tell when it ends: no wrapper, and a platform without telemetry.
    Blind,
    /// Invocations are not announced at all, and the environment is never frozen (Managed Instances).
    Unannounced,
}

/// How data is gathered where invocations are not announced: there is no good moment for an export then, and no bad one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The longest that data waits for more of it.
    pub every: Duration,
    /// So many items do not wait.
    pub items: u64,
}

/// Batches of a second.
impl Default for Pace {
    fn default() -> Self {
        Self { every: Duration::from_secs(1), items: u64::MAX }
    }
}

/// When `next` may be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// Now: whatever is left waits for the next invocation.
    AtOnce,
    /// When the export that begins now is done, or a moment after the invocation is.
    WhenExported,
    /// When the invocation is over and everything it left is delivered.
    WhenFlushed,
}

/// What to do about an invocation that begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// When `next` may be asked for.
    pub release: Release,
    /// Whether to export beside the handler what is held already.
    pub export: bool,
}

/// When to begin an export that nobody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Background {
    /// As soon as possible.
    Now,
    /// In so long, unless something changes.
    In(Duration),
    /// Not unless something changes.
    Never,
}

/// See the [module](self). Times are given as durations since any fixed moment, and keep running while frozen.
#[derive(Clone, Debug)]
pub struct Policy {
    mode: Mode,
    max_staleness: Duration,
    /// A batch is full at this many bytes: no use in waiting for more.
    enough: u64,
    pace: Pace,
    destinations: Vec<Record>,
    last_invocation: Option<Duration>,
    /// The share of pauses too long for data to wait through, the newest counting most; `None` before the first.
    seldom: Option<f64>,
    last_gap: Option<Duration>,
    handler: Estimate,
    last_flush: Duration,
}

/// What is remembered of a destination.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    patience: Patience,
    export: Estimate,
    failures: u32,
    not_before: Duration,
}

impl Policy {
    /// `enough` is the size in bytes from which on more data does not make a better batch, `destinations` how many
    /// there are, `now` the time.
    pub fn new(mode: Mode, max_staleness: Duration, enough: u64, destinations: usize, now: Duration) -> Self {
        Self {
            mode,
            max_staleness,
            enough,
            pace: Pace::default(),
            destinations: vec![Record::default(); destinations],
            last_invocation: None,
            seldom: None,
            last_gap: None,
            handler: Estimate::default(),
            last_flush: now,
        }
    }

    /// The same, with a pace of its own.
    #[must_use]
    pub fn paced(self, pace: Pace) -> Self {
        Self { pace, ..self }
    }

    /// An invocation begins: what to do about it.
    pub fn invoked(&mut self, now: Duration, held: &Held, sight: Sight) -> Plan {
        let first = self.last_invocation.is_none();
        if let Some(last) = self.last_invocation.replace(now) {
            let gap = now.saturating_sub(last);
            // An hour's pause says no more than a minute's: the function was idle. Counted rather than averaged, one
            // does not undo a habit, nor do two quick invocations make a rare function a busy one.
            let long = f64::from(u8::from(gap >= self.max_staleness));
            self.seldom = Some(self.seldom.map_or(long, |seldom| seldom * 0.9 + long * 0.1));
            self.last_gap = Some(gap);
        }
        let release = match self.mode {
            // Waiting for what will not come, or for an end that nobody tells, is money for nothing.
            _ if !held.reachable || sight != Sight::Clear => Release::AtOnce,
            Mode::Continuous => Release::AtOnce,
            Mode::End => Release::WhenFlushed,
            Mode::Periodic(every) if held.any() && self.is_due(every, now) => Release::WhenExported,
            Mode::Periodic(_) => Release::AtOnce,
            Mode::Adaptive if first || self.is_rare() => Release::WhenFlushed,
            Mode::Adaptive if !held.any() => Release::AtOnce,
            Mode::Adaptive if held.errors > 0 || held.bytes >= self.enough || self.fits() => {
                Release::WhenExported
            }
            // No export fits beside a handler, so one now and then begins there, and is finished beside the next or
            // after a thaw: waiting for it would cost more than it is late.
            Mode::Adaptive if held.age >= Some(self.max_staleness / OFTEN) => Release::WhenExported,
            Mode::Adaptive => Release::AtOnce,
        };
        let wanted = held.any()
            && match release {
                Release::WhenExported => true,
                Release::WhenFlushed => self.fits(),
                // Beside the handler to find out whether the destination has come back, or because there is no
                // better moment; but an adaptive function that merely accumulates goes on doing so.
                Release::AtOnce => match self.mode {
                    Mode::Adaptive => sight != Sight::Clear,
                    Mode::Periodic(every) => self.is_due(every, now),
                    Mode::End | Mode::Continuous => true,
                },
            };
        Plan { release, export: wanted || held.probe == Some(Duration::ZERO) }
    }

    /// A handler took so long.
    pub fn handler_took(&mut self, duration: Duration) {
        self.handler.saw(duration);
    }

    /// How long the end of an invocation may be held up for a destination to take everything. Zero for one that is not
    /// to be waited for.
    pub fn patience(&self, destination: usize) -> Duration {
        self.destinations.get(destination).map_or(Duration::ZERO, |one| one.patience.left())
    }

    /// The same for an export that began beside the invocation.
    pub fn linger(&self, destination: usize) -> Duration {
        self.patience(destination).min(LINGER)
    }

    /// How long until a destination may be asked that failed just now.
    pub fn rest(&self, destination: usize, now: Duration) -> Duration {
        let rest = self.destinations.get(destination).map(|one| one.not_before.saturating_sub(now));
        // No longer than it ever is, should the clock have been set back.
        rest.unwrap_or_default().min(SELDOM)
    }

    /// How long the slowest destination usually takes, if any has ever delivered.
    pub fn usual_export(&self) -> Option<Duration> {
        self.destinations.iter().filter_map(|one| one.export.usual()).max()
    }

    /// An export to a destination ended at `now` after so long. `delivered` says whether anything was.
    pub fn exported(&mut self, destination: usize, now: Duration, took: Duration, delivered: bool) {
        self.last_flush = now;
        let Some(one) = self.destinations.get_mut(destination) else { return };
        if delivered {
            one.export.saw(took);
            one.patience.delivered(one.export.usual().unwrap_or(took));
            one.failures = 0;
            one.not_before = Duration::ZERO;
        } else {
            let wait = FIRST_RETRY * 2u32.pow(one.failures.min(10));
            one.failures += 1;
            one.not_before = now + wait.min(self.max_staleness).min(SELDOM);
        }
    }

    /// The end of an invocation was held up so long for a destination, and nothing was delivered by it.
    pub fn waited_in_vain(&mut self, destination: usize, waited: Duration) {
        if let Some(one) = self.destinations.get_mut(destination) {
            one.patience.in_vain(waited);
        }
    }

    /// When to begin an export that nobody waits for. `held` is what no export is in flight for; `sight` is that of what is going on now;
    /// `None` when it is settled already that everything is flushed at the end.
    pub fn background(&self, now: Duration, held: &Held, sight: Option<Sight>) -> Background {
        let wait = match (self.deliver_in(now, held, sight), held.probe) {
            (None, None) => return Background::Never,
            (deliver, probe) => deliver.unwrap_or(Duration::MAX).min(probe.unwrap_or(Duration::MAX)),
        };
        match wait {
            Duration::ZERO => Background::Now,
            wait => Background::In(wait),
        }
    }

    fn deliver_in(&self, now: Duration, held: &Held, sight: Option<Sight>) -> Option<Duration> {
        let age = held.age?;
        Some(match (self.mode, sight) {
            (Mode::Continuous, _) => Duration::ZERO,
            (Mode::Periodic(every), _) => (self.last_flush + every).saturating_sub(now).min(every),
            _ if held.bytes >= self.enough => Duration::ZERO,
            // Nobody will say when there is time: gather what comes together, and go.
            (Mode::Adaptive | Mode::End, Some(Sight::Blind)) => GATHER.saturating_sub(age),
            (Mode::Adaptive | Mode::End, Some(Sight::Unannounced)) if held.items >= self.pace.items => {
                Duration::ZERO
            }
            (Mode::Adaptive | Mode::End, Some(Sight::Unannounced)) => {
                self.pace.every.min(self.max_staleness).saturating_sub(age)
            }
            // Errors are what somebody is waiting for.
            (Mode::Adaptive, Some(Sight::Clear)) if held.errors > 0 => Duration::ZERO,
            (Mode::Adaptive | Mode::End, _) => self.max_staleness.saturating_sub(age),
        })
    }

    /// Whether the function runs so seldom that data had better not wait for its next invocation.
    fn is_rare(&self) -> bool {
        // The share for the habit, the last pause for a habit that has just changed.
        self.seldom.is_none_or(|seldom| seldom >= RARE)
            || self.last_gap.is_none_or(|gap| gap >= self.max_staleness)
    }

    /// Whether an export usually finishes within a handler's time.
    fn fits(&self) -> bool {
        match (self.usual_export(), self.handler.usual()) {
            (Some(export), Some(handler)) => export <= handler,
            _ => false,
        }
    }

    fn is_due(&self, every: Duration, now: Duration) -> bool {
        // The clock may have been set back.
        now < self.last_flush || now - self.last_flush >= every
    }
}

/// What an export in flight at the end of an invocation is worth. A network round trip fits; a struggling destination
/// does not.
const LINGER: Duration = Duration::from_millis(20);

/// Where exports outlast handlers, one begins three times within the longest that data may wait. Chosen by
/// `make simulate`: it delivers as early as one every ten seconds, which costs almost nothing.
const OFTEN: u32 = 3;

/// With a long pause in four, data had better not wait for an invocation that may not come. Chosen by `make simulate`.
const RARE: f64 = 0.25;

/// Where the end of an invocation is not seen: long enough for the requests of one function to come together, short
/// enough to be gone when the function is.
const GATHER: Duration = Duration::from_millis(50);

/// The wait after a first failed export in the background, doubled with every further one.
const FIRST_RETRY: Duration = Duration::from_millis(250);

/// The longest such wait: as the breaker has it, so that recovery is noticed within seconds.
const SELDOM: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
