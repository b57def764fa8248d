//! What is measured of a destination's requests for one signal, besides what is merely counted: how they ended, how long
//! they took, how large they were, and what time it is there.

use std::time::Duration;

use crate::histogram::{Histogram, SECONDS};

use crate::{Ending, Fault};

/// See the [module](self).
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Attempts, by how they ended.
    pub(crate) attempts: Vec<(Ending, u64)>,
    /// Exports with all their attempts, by how the last one ended: how long they took.
    pub(crate) operations: Vec<(Ending, Histogram)>,
    /// Items of an attempt.
    pub(crate) sizes: Option<Histogram>,
    /// The destination's clock less ours, in seconds, when it answered last.
    pub(crate) skew: Option<i64>,
}

impl Measured {
    pub(crate) fn began(&mut self, items: usize) {
        self.sizes.get_or_insert_with(|| Histogram::new(ITEMS)).record(items as f64);
    }

    pub(crate) fn ended(&mut self, ending: Ending, skew: Option<i64>) {
        *row(&mut self.attempts, ending, || 0) += 1;
        self.skew = skew.or(self.skew);
    }

    pub(crate) fn took(&mut self, ending: Ending, time: Duration) {
        row(&mut self.operations, ending, || Histogram::new(SECONDS)).record(time.as_secs_f64());
    }
}

/// A server that invents a status code for each answer gets no row for each.
fn row<T>(rows: &mut Vec<(Ending, T)>, ending: Ending, new: impl FnOnce() -> T) -> &mut T {
    let find = |rows: &[(Ending, T)], ending| rows.iter().position(|(known, _)| *known == ending);
    let at = find(rows, ending).unwrap_or_else(|| {
        let ending = if rows.len() < MOST { ending } else { OTHER };
        find(rows, ending).unwrap_or_else(|| {
            rows.push((ending, new()));
            rows.len() - 1
        })
    });
    &mut rows[at].1
}

const MOST: usize = 24;

const OTHER: Ending = Ending { code: None, fault: Some(Fault::Other) };

/// The largest batch has 8,192 items unless a destination's settings say otherwise.
const ITEMS: &[f64] = &[1.0, 4.0, 16.0, 64.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0, 8192.0];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Code;

    #[test]
    fn a_server_that_invents_codes_gets_no_row_for_each() {
        let mut measured = Measured::default();
        for code in 400..600 {
            measured.ended(Ending { code: Some(Code::Http(code)), fault: None }, None);
        }
        assert_eq!(measured.attempts.len(), MOST + 1);
        assert_eq!(measured.attempts.last(), Some(&(OTHER, 200 - MOST as u64)));
    }
}
