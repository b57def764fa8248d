//! The invocations that are remembered: a bounded number, in the order in which they were first heard of.

use super::invocation::Invocation;
use std::collections::{BTreeMap, HashMap};

/// A place in the order of invocations. Later ones are greater.
pub(super) type Turn = u64;

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Book {
    by_turn: BTreeMap<Turn, Invocation>,
    turns: HashMap<String, Turn>,
    next: Turn,
    limit: usize,
}

impl Book {
    /// A book of at most `limit` invocations (at least one).
    pub(super) fn new(limit: usize) -> Self {
        Self { by_turn: BTreeMap::new(), turns: HashMap::new(), next: 0, limit: limit.max(1) }
    }

    /// The invocation of this id, and what had to go for it. `None` for an id that no platform would give.
    pub(super) fn open(&mut self, request_id: &str) -> Option<(Turn, Option<(Turn, Invocation)>)> {
        if request_id.is_empty() || request_id.len() > LONGEST_ID {
            return None;
        }
        if let Some(turn) = self.turns.get(request_id) {
            return Some((*turn, None));
        }
        let evicted = (self.by_turn.len() >= self.limit).then(|| self.evict()).flatten();
        let turn = self.next;
        self.next += 1;
        self.turns.insert(request_id.to_owned(), turn);
        self.by_turn.insert(turn, Invocation::new(request_id));
        Some((turn, evicted))
    }

    /// Where the invocation of this id is, if it is remembered.
    pub(super) fn find(&self, request_id: &str) -> Option<Turn> {
        self.turns.get(request_id).copied()
    }

    pub(super) fn get(&self, turn: Turn) -> Option<&Invocation> {
        self.by_turn.get(&turn)
    }

    pub(super) fn get_mut(&mut self, turn: Turn) -> Option<&mut Invocation> {
        self.by_turn.get_mut(&turn)
    }

    /// Oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Turn, &Invocation)> {
        self.by_turn.iter().map(|(turn, invocation)| (*turn, invocation))
    }

    /// The oldest goes, of those with which all is done if there are any.
    fn evict(&mut self) -> Option<(Turn, Invocation)> {
        let done = self.by_turn.iter().find(|(_, one)| one.concluded.span && one.concluded.report);
        let turn = *done.or_else(|| self.by_turn.iter().next())?.0;
        let invocation = self.by_turn.remove(&turn)?;
        self.turns.remove(&invocation.request_id);
        Some((turn, invocation))
    }
}

/// Lambda's are UUIDs.
const LONGEST_ID: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn open(book: &mut Book, id: &str) -> Option<String> {
        book.open(id).and_then(|(_, evicted)| evicted).map(|(_, invocation)| invocation.request_id)
    }

    #[test]
    fn the_oldest_goes_first_but_those_that_are_done_with_before_it() {
        let mut book = Book::new(3);
        for id in ["a", "b", "c", "a"] {
            assert_eq!(open(&mut book, id), None);
        }
        let turn = book.find("b").unwrap();
        let concluded = &mut book.get_mut(turn).unwrap().concluded;
        (concluded.span, concluded.report) = (true, true);
        assert_eq!(open(&mut book, "d").as_deref(), Some("b"));
        assert_eq!(open(&mut book, "e").as_deref(), Some("a"));
        assert_eq!(book.iter().map(|(_, one)| one.request_id.as_str()).collect::<Vec<_>>(), ["c", "d", "e"]);
        assert_eq!(book.find("a"), None);
    }

    #[test]
    fn ids_that_no_platform_would_give_are_not_remembered() {
        let mut book = Book::new(3);
        assert!(book.open("").is_none() && book.open(&"x".repeat(129)).is_none());
        assert_eq!(book.iter().count(), 0);
    }
}
