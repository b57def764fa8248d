//! One text: what rules find in it is replaced, the rest stays.

use super::{Redactor, Tally};
use std::ops::Range;

impl Redactor {
    /// The text without what rules find in it; `None` if they find nothing.
    pub(super) fn cleaned(&self, text: &str, tally: &mut Tally) -> Option<String> {
        if self.permitted.iter().any(|pattern| pattern.is_match(text)) {
            return None;
        }
        let mut found: Vec<Range<usize>> = Vec::new();
        for recogniser in &self.recognisers {
            let mut more = recogniser.find(text);
            more.retain(|range| !self.is_replacement(&text.as_bytes()[range.clone()]));
            // What an earlier one took for a secret is counted once.
            let new = more.iter().filter(|range| !overlaps(&found, range)).count();
            tally.found(*recogniser, new as u64);
            found.append(&mut more);
            found = joined(found);
        }
        for pattern in &self.blocked {
            for range in pattern.find_iter(text).map(|found| found.range()).filter(|range| !range.is_empty())
            {
                tally.by_pattern += 1;
                found.push(range);
            }
        }
        (!found.is_empty()).then(|| self.replaced(text, joined(found)))
    }

    /// The text with something else in the place of these parts, which are apart and in order.
    fn replaced(&self, text: &str, found: Vec<Range<usize>>) -> String {
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        for range in found {
            // Recognisers cut at ASCII only, so that these are boundaries of characters.
            out.push_str(text.get(copied..range.start).unwrap_or_default());
            out.push_str(&self.replacement(&text.as_bytes()[range.clone()]));
            copied = range.end;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        out
    }
}

/// Ranges in order, those that overlap as one.
fn joined(mut ranges: Vec<Range<usize>>) -> Vec<Range<usize>> {
    ranges.sort_unstable_by_key(|range| range.start);
    ranges.dedup_by(|next, range| {
        let overlap = next.start < range.end;
        if overlap {
            range.end = range.end.max(next.end);
        }
        overlap
    });
    ranges
}

/// Whether a range overlaps any of these, which are apart and in order.
fn overlaps(ranges: &[Range<usize>], range: &Range<usize>) -> bool {
    let next = ranges.partition_point(|other| other.end <= range.start);
    ranges.get(next).is_some_and(|other| other.start < range.end)
}
