//! The traffic that functions see.

use crate::{
    backend::{Away, Backend},
    fleet::Arrival,
    rng::Rng,
    trace,
};

/// A traffic shape before a backend.
#[derive(Clone, Debug)]
pub struct Shape {
    /// In a word.
    pub name: &'static str,
    /// In a sentence.
    pub about: &'static str,
    /// Where its telemetry goes.
    pub backend: Backend,
    /// The handler's median time in milliseconds.
    pub handler: f64,
    traffic: Traffic,
}

#[derive(Clone, Copy, Debug)]
enum Traffic {
    /// So many a second, independently, for so many seconds.
    Poisson { rate: f64, seconds: f64 },
    /// Bursts of so many at a rate, so many seconds apart on average.
    Bursts { size: f64, rate: f64, apart: f64, seconds: f64 },
    /// From `low` to `high` a second and back over a day.
    Day { low: f64, high: f64 },
    /// Every so many seconds, to the second.
    Cron { every: f64, seconds: f64 },
    /// Few a second, and so many within `over` seconds after a minute.
    Spike { rate: f64, size: f64, over: f64, seconds: f64 },
}

impl Shape {
    /// What a file's invocations are simulated with, before a backend that takes so many milliseconds.
    pub const fn of_trace(export: f64) -> Self {
        Self {
            name: "trace",
            about: "from a file",
            backend: Backend { millis: export, away: None },
            handler: 0.0,
            traffic: Traffic::Cron { every: 1.0, seconds: 0.0 },
        }
    }

    /// The moments at which invocations come.
    pub fn arrivals(&self, seed: u64) -> Vec<Arrival> {
        let mut rng = Rng::new(seed);
        let moments = self.traffic.moments(&mut rng);
        trace::dress(moments, self.handler, &mut rng)
    }
}

impl Traffic {
    fn moments(self, rng: &mut Rng) -> Vec<f64> {
        match self {
            Self::Poisson { rate, seconds } => poisson(rng, rate, 0.0, seconds),
            Self::Bursts { size, rate, apart, seconds } => {
                let mut all = Vec::new();
                for start in poisson(rng, 1.0 / apart, 0.0, seconds) {
                    let length = rng.exponential(size / rate);
                    all.extend(poisson(rng, rate, start, start + length));
                }
                all
            }
            Self::Day { low, high } => {
                let all = poisson(rng, high, 0.0, DAY);
                let share = |at: f64| {
                    let sun = (1.0 - (std::f64::consts::TAU * at / DAY).cos()) / 2.0;
                    (low + (high - low) * sun.powi(2)) / high
                };
                all.into_iter().filter(|at| rng.unit() < share(*at)).collect()
            }
            Self::Cron { every, seconds } => (0..(seconds / every) as u32)
                .map(|number| f64::from(number) * every + rng.unit() / 2.0)
                .collect(),
            Self::Spike { rate, size, over, seconds } => {
                let mut all = poisson(rng, rate, 0.0, seconds);
                all.extend((0..size as u32).map(|_| 60.0 + rng.unit() * over));
                all
            }
        }
    }
}

fn poisson(rng: &mut Rng, rate: f64, from: f64, to: f64) -> Vec<f64> {
    let mut all = Vec::new();
    let mut at = from + rng.exponential(1.0 / rate);
    while at < to {
        all.push(at);
        at += rng.exponential(1.0 / rate);
    }
    all
}

const DAY: f64 = 86_400.0;
const MINUTE: f64 = 60.0;
const HOUR: f64 = 3_600.0;

const fn usual() -> Backend {
    Backend { millis: 40.0, away: None }
}

const fn away(from: f64, to: f64, how: Away) -> Backend {
    Backend { millis: 40.0, away: Some((from, to, how)) }
}

/// All shapes, in the order of the tables.
pub const SHAPES: &[Shape] = &[
    Shape {
        name: "steady",
        about: "20 invocations a second for half an hour, handlers of 80 ms",
        backend: usual(),
        handler: 80.0,
        traffic: Traffic::Poisson { rate: 20.0, seconds: 30.0 * MINUTE },
    },
    Shape {
        name: "short handlers",
        about: "50 a second for ten minutes, handlers of 4 ms: no export fits beside one",
        backend: usual(),
        handler: 4.0,
        traffic: Traffic::Poisson { rate: 50.0, seconds: 10.0 * MINUTE },
    },
    Shape {
        name: "now and then",
        about: "one every 12 s on average for a day, handlers of 80 ms",
        backend: usual(),
        handler: 80.0,
        traffic: Traffic::Poisson { rate: 1.0 / 12.0, seconds: DAY },
    },
    Shape {
        name: "rare",
        about: "one every five minutes on average for ten days",
        backend: usual(),
        handler: 80.0,
        traffic: Traffic::Poisson { rate: 1.0 / 300.0, seconds: 10.0 * DAY },
    },
    Shape {
        name: "bursty",
        about: "bursts of about 40 at 10 a second, two minutes apart on average, for a day",
        backend: usual(),
        handler: 80.0,
        traffic: Traffic::Bursts { size: 40.0, rate: 10.0, apart: 2.0 * MINUTE, seconds: DAY },
    },
    Shape {
        name: "diurnal",
        about: "a day: one in 50 s at night, 4 a second at noon",
        backend: usual(),
        handler: 80.0,
        traffic: Traffic::Day { low: 0.02, high: 4.0 },
    },
    Shape {
        name: "cron, minute",
        about: "every minute for three days, handlers of 500 ms",
        backend: usual(),
        handler: 500.0,
        traffic: Traffic::Cron { every: MINUTE, seconds: 3.0 * DAY },
    },
    Shape {
        name: "cron, quarter",
        about: "every 15 minutes for 30 days: each in an environment of its own",
        backend: usual(),
        handler: 500.0,
        traffic: Traffic::Cron { every: 15.0 * MINUTE, seconds: 30.0 * DAY },
    },
    Shape {
        name: "one spike",
        about: "one a second, and 10,000 within five seconds, handlers of 200 ms",
        backend: usual(),
        handler: 200.0,
        traffic: Traffic::Spike { rate: 1.0, size: 10_000.0, over: 5.0, seconds: 10.0 * MINUTE },
    },
    Shape {
        name: "slow backend",
        about: "as steady, but the backend takes 1.5 s",
        backend: Backend { millis: 1_500.0, away: None },
        handler: 80.0,
        traffic: Traffic::Poisson { rate: 20.0, seconds: 30.0 * MINUTE },
    },
    Shape {
        name: "outage, refusing",
        about: "20 a second for an hour; away from minute 10 to 40, refusing connections",
        backend: away(10.0 * MINUTE, 40.0 * MINUTE, Away::Refuses),
        handler: 80.0,
        traffic: Traffic::Poisson { rate: 20.0, seconds: HOUR },
    },
    Shape {
        name: "outage, hanging",
        about: "20 a second for an hour; away from minute 10 to 40, never answering",
        backend: away(10.0 * MINUTE, 40.0 * MINUTE, Away::Hangs),
        handler: 80.0,
        traffic: Traffic::Poisson { rate: 20.0, seconds: HOUR },
    },
    Shape {
        name: "large fleet",
        about: "10,000 a second in about 1,000 environments for a minute and a half",
        backend: usual(),
        handler: 100.0,
        traffic: Traffic::Poisson { rate: 10_000.0, seconds: 90.0 },
    },
    Shape {
        name: "herd",
        about: "5,000 a second in 5,000 environments; away from second 30 to 90, then all come back at once",
        backend: away(30.0, 90.0, Away::Refuses),
        handler: 1_000.0,
        traffic: Traffic::Poisson { rate: 5_000.0, seconds: 150.0 },
    },
    Shape {
        name: "100,000 at once",
        about: "100,000 within three seconds, handlers of 5 s: an environment each",
        backend: usual(),
        handler: 5_000.0,
        traffic: Traffic::Spike { rate: 10.0, size: 100_000.0, over: 3.0, seconds: 3.0 * MINUTE },
    },
];
