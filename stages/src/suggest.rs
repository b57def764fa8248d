//! What was probably meant.

/// The one of `known` that `word` is likely a slip of the pen for.
///
/// What this costs has a bound, whatever a file names: long words and long lists are not gone into.
pub fn closest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let word: Vec<char> = word.chars().take(LONGEST + 1).map(|c| c.to_ascii_lowercase()).collect();
    if word.len() > LONGEST {
        return None;
    }
    let most = (word.len() / 3).clamp(1, MOST_SLIPS);
    let scored = known.into_iter().take(MOST_KNOWN).map(|name| (distance(&word, name, most), name));
    scored
        .filter_map(|(distance, name)| Some((distance?, name)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What to do about a word that is not known: take the name that was probably meant, or else `otherwise`.
pub fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
    otherwise: impl FnOnce() -> String,
) -> String {
    closest(word, known).map_or_else(otherwise, |meant| format!("did you mean `{meant}`?"))
}

/// How many letters must be put in, taken out, replaced, or swapped with their neighbour, unless it is more than `most`.
fn distance(a: &[char], name: &str, most: usize) -> Option<usize> {
    let (mut b, mut length) = (['\0'; LONGEST + MOST_SLIPS], 0);
    for c in name.chars() {
        *b[..a.len() + most].get_mut(length)? = c.to_ascii_lowercase();
        length += 1;
    }
    let b = &b[..length];
    if a.len().abs_diff(b.len()) > most {
        return None;
    }
    let mut before = [0; LONGEST + MOST_SLIPS + 1];
    let mut row: [usize; LONGEST + MOST_SLIPS + 1] = std::array::from_fn(|j| j);
    for i in 1..=a.len() {
        let mut next = [i; LONGEST + MOST_SLIPS + 1];
        for j in 1..=b.len() {
            let replaced = row[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(row[j] + 1).min(next[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            next[j] = least;
        }
        (before, row) = (row, next);
    }
    Some(row[b.len()]).filter(|distance| *distance <= most)
}

/// The longest word that is gone into, in characters.
const LONGEST: usize = 64;

/// The most slips that a word is forgiven.
const MOST_SLIPS: usize = 3;

/// The most names that one word is compared with.
const MOST_KNOWN: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_other_words_are_not() {
        let known = ["endpoint", "headers", "compression", "tls"];
        for (slip, meant) in [
            ("endpiont", Some("endpoint")),
            ("end_point", Some("endpoint")),
            ("header", Some("headers")),
            ("Compresion", Some("compression")),
            ("tsl", Some("tls")),
            ("retry", None),
            ("x", None),
        ] {
            assert_eq!(closest(slip, known), meant, "{slip}");
        }
    }
    #[test]
    fn no_word_and_no_list_is_too_long() {
        let long = "a".repeat(100_000);
        assert_eq!(closest(&long, [long.as_str(), "endpoint"]), None);
        assert_eq!(closest("endpiont", [long.as_str(), "endpoint"]), Some("endpoint"));
        let edge = "a".repeat(LONGEST);
        assert_eq!(closest(&edge, [&*format!("{edge}bcd")]), Some(&*format!("{edge}bcd")));
        assert_eq!(closest(&edge, [&*format!("{edge}bcde")]), None);
        assert_eq!(closest("endpiont", std::iter::repeat("other")), None, "an end is found");
        assert_eq!(closest("größe", ["GröSSe", "größen"]), Some("größen"));
    }
}
