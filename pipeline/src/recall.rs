//! What is known of batches that may come back.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::{Batch, batch::Weak};

/// Notes about batches whose export ended without an end, by their keys: for the next attempt. As long as a sender still has
/// the batch, or the one that stages made it of, the note stays; of others, the last few do, since a batch may also be
/// formed anew under its key.
pub(crate) struct Recall<T> {
    most: usize,
    notes: Mutex<VecDeque<Note<T>>>,
}

struct Note<T> {
    key: String,
    origin: Weak,
    known: T,
}

impl<T> Recall<T> {
    /// Keeps at most so many.
    pub(crate) const fn of(most: usize) -> Self {
        Self { most, notes: Mutex::new(VecDeque::new()) }
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.notes().is_empty()
    }

    /// What is known of a batch, which is forgotten here.
    pub(crate) fn take(&self, batch: &Batch) -> Option<T> {
        let mut notes = self.notes();
        let at = notes.iter().position(|note| note.key == batch.idempotency_key())?;
        notes.remove(at).map(|note| note.known)
    }

    /// Notes what is known of a batch.
    pub(crate) fn note(&self, batch: &Batch, known: T) {
        let mut notes = self.notes();
        let mut spare = (notes.len() + 1).saturating_sub(FEW);
        if spare > 0 {
            notes.retain(|note| {
                let forget = spare > 0 && note.origin.upgrade().is_none();
                spare -= usize::from(forget);
                !forget
            });
        }
        if notes.len() == self.most {
            notes.pop_front();
        }
        notes.push_back(Note { key: batch.idempotency_key().to_owned(), origin: batch.origin(), known });
    }

    fn notes(&self) -> MutexGuard<'_, VecDeque<Note<T>>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> fmt::Debug for Recall<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recall").field("notes", &self.notes().len()).finish()
    }
}

/// More than a lane has under way at a time.
const FEW: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::scripted::batch;

    #[test]
    fn what_is_known_of_batches_that_may_come_back_is_kept_and_the_rest_does_not_grow() {
        let (recall, kept): (_, Vec<Batch>) = (Recall::of(200), (0..100).map(|_| batch(1)).collect());
        // Stages make it anew for each attempt.
        let keyed = |batch: &Batch| batch.keyed(format!("{}!", batch.idempotency_key()));
        kept.iter().zip(0..).for_each(|(batch, n)| recall.note(&keyed(batch), n));
        (0..1000).for_each(|n| recall.note(&batch(1), n));
        assert!(recall.notes().len() <= kept.len() + 1, "{}", recall.notes().len());
        assert!(kept.iter().zip(0..).all(|(batch, n)| recall.take(&keyed(batch)) == Some(n)));
        assert!(recall.take(&keyed(&kept[0])).is_none(), "taken is taken");
        let few = Recall::of(20);
        kept.iter().zip(0..).for_each(|(batch, n)| few.note(batch, n));
        let length = few.notes().len();
        assert_eq!((length, few.take(&kept[79]), few.take(&kept[80])), (20, None, Some(80)));
    }

    #[test]
    fn a_batch_that_is_formed_anew_under_its_key_is_known() {
        let recall = Recall::of(200);
        recall.note(&batch(1).keyed("k".to_owned()), 7);
        (0..FEW - 1).for_each(|n| recall.note(&batch(1), n));
        assert_eq!(recall.take(&batch(2).keyed("k".to_owned())), Some(7));
    }
}
