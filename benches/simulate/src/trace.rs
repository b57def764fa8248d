//! Arrivals from a file.
//!
//! One invocation a line: the second at which it arrives, counted from any moment, and how many milliseconds its handler
//! takes, separated by a comma or white space; optionally a third column, `1` for one that fails. Lines that are empty or
//! begin with `#` are skipped. Lines need not be in order.

use crate::{fleet::Arrival, rng::Rng};

/// Reads a trace; errors name the line.
pub fn read(text: &str) -> Result<Vec<Arrival>, String> {
    let mut arrivals = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wrong = || {
            format!("line {}: expected seconds, milliseconds and optionally 1, such as `12.5,80`", number + 1)
        };
        let mut columns = line.split([',', ' ', '\t', ';']).filter(|column| !column.is_empty());
        let mut next = || columns.next().map(|column| column.parse::<f64>().map_err(|_| wrong())).transpose();
        let (at, takes, fails) = (next()?, next()?, next()?);
        let (Some(at), Some(takes)) = (at, takes) else { return Err(wrong()) };
        // A hundred years, and Lambda's fifteen minutes.
        if !(0.0..=3.2e9).contains(&at) || !(0.0..=900_000.0).contains(&takes) {
            return Err(wrong());
        }
        arrivals.push(Arrival {
            at: (at * 1e6) as u64,
            takes: (takes * 1e3) as u64,
            fails: fails.is_some_and(|fails| fails != 0.0),
        });
    }
    let first = arrivals.iter().map(|arrival| arrival.at).min().ok_or("no invocation in it")?;
    arrivals.iter_mut().for_each(|arrival| arrival.at -= first);
    arrivals.sort_by_key(|arrival| arrival.at);
    Ok(arrivals)
}

/// Gives moments of arrival a handler's time and an outcome.
pub fn dress(moments: impl IntoIterator<Item = f64>, millis: f64, rng: &mut Rng) -> Vec<Arrival> {
    let dressed = moments.into_iter().map(|at| Arrival {
        at: (at * 1e6) as u64,
        takes: (rng.around(millis, 0.4) * 1e3) as u64,
        fails: rng.unit() < FAILURES,
    });
    let mut arrivals: Vec<_> = dressed.collect();
    arrivals.sort_by_key(|arrival| arrival.at);
    arrivals
}

/// One invocation in 200 ends with an error.
const FAILURES: f64 = 0.005;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_in_any_order_and_counted_from_the_first() {
        let arrivals = read("# second, millisecond\n\n12.5, 80\n10\t20 1\n").unwrap();
        let seen: Vec<_> = arrivals.iter().map(|one| (one.at, one.takes, one.fails)).collect();
        assert_eq!(seen, [(0, 20_000, true), (2_500_000, 80_000, false)]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for wrong in ["1,1\nsoon,1", "1,1\n1", "1,1\n-1,2", "1,1\n1,1e9", "1,1\nNaN,1"] {
            assert!(read(wrong).unwrap_err().starts_with("line 2: expected seconds"), "{wrong}");
        }
        assert!(read("# nothing\n").is_err());
    }
}
