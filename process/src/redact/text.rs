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
            let mut from = 0;
            while let Some(range) = recogniser.find(text, from) {
                from = range.end.max(from + 1);
                if self.is_replacement(&text.as_bytes()[range.clone()]) {
                    continue;
                }
                // What an earlier one took for a secret is counted once.
                if !found.iter().any(|other| other.start < range.end && range.start < other.end) {
                    tally.found(*recogniser);
                }
                found.push(range);
            }
        }
        for pattern in &self.blocked {
            for range in pattern.find_iter(text).map(|found| found.range()).filter(|range| !range.is_empty())
            {
                tally.by_pattern += 1;
                found.push(range);
            }
        }
        (!found.is_empty()).then(|| self.replaced(text, found))
    }

    fn replaced(&self, text: &str, mut found: Vec<Range<usize>>) -> String {
        found.sort_unstable_by_key(|range| range.start);
        let mut out = String::with_capacity(text.len());
        let mut copied = 0;
        let mut ranges = found.into_iter().peekable();
        while let Some(mut range) = ranges.next() {
            while let Some(next) = ranges.next_if(|next| next.start < range.end) {
                range.end = range.end.max(next.end);
            }
            // Recognisers cut at ASCII only, so that these are boundaries of characters.
            out.push_str(text.get(copied..range.start).unwrap_or_default());
            out.push_str(&self.replacement(&text.as_bytes()[range.clone()]));
            copied = range.end;
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        out
    }
}
