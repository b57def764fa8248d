//! How far a batch has got that goes out in pieces.

use std::collections::VecDeque;

use crate::{Batch, Outcome};

/// What is left of a batch, and what became of the rest.
#[derive(Debug, Default)]
pub(super) struct Progress {
    left: VecDeque<Batch>,
    /// Whether anything was taken.
    taken: bool,
    rejected: u64,
    message: String,
    /// Items of pieces that were refused.
    refused: u64,
    why: String,
    /// Whether anything happened that must not happen again.
    begun: bool,
}

impl Progress {
    pub(super) fn of(pieces: VecDeque<Batch>) -> Self {
        Self { left: pieces, ..Self::default() }
    }

    /// The next piece, which stays until something became of it.
    pub(super) fn next(&self) -> Option<Batch> {
        self.left.front().cloned()
    }

    pub(super) fn delivered(&mut self, piece: &Batch, rejected: u64, message: String) {
        self.settled();
        self.taken = true;
        self.rejected += rejected.min(piece.items() as u64);
        if !message.is_empty() {
            self.message = message;
        }
    }

    pub(super) fn refused(&mut self, piece: &Batch, why: String) {
        self.settled();
        self.refused += piece.items() as u64;
        self.why = why;
    }

    /// Others take the piece's place.
    pub(super) fn replaced(&mut self, pieces: Vec<Batch>) {
        self.settled();
        pieces.into_iter().rev().for_each(|piece| self.left.push_front(piece));
    }

    fn settled(&mut self) {
        self.left.pop_front();
        self.begun = true;
    }

    pub(super) fn is_worth_remembering(&self) -> bool {
        self.begun && !self.left.is_empty()
    }

    /// What became of the batch, when nothing is left.
    pub(super) fn outcome(&mut self) -> Outcome {
        let (why, message) = (std::mem::take(&mut self.why), std::mem::take(&mut self.message));
        match (self.refused, self.taken) {
            (0, _) => Outcome::Delivered { rejected: self.rejected, message },
            (_, false) => Outcome::refused(why),
            (refused, true) => Outcome::Delivered { rejected: self.rejected + refused, message: why },
        }
    }
}
