//! Dead letters among other lines.

use spanlayer_pipeline::letters::{Part, Pile};

/// Every line of a letter is read or said to be damaged, and a letter that is whole gives its batch or says why not.
pub(super) fn letters(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut pile = Pile::default();
    text.lines().filter_map(Part::find).flatten().for_each(|part| pile.add(part));
    let (letters, torn) = pile.sort();
    assert!(torn.iter().all(|(_, missing, of)| missing <= of));
    for letter in letters {
        if let Ok(batch) = letter.batch() {
            assert_eq!(batch.idempotency_key(), letter.key);
        }
    }
}
