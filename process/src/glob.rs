//! Patterns with a sign for any number of characters.

/// Whether a text matches a pattern, in which `star` stands for any characters, also none. `same` says whether another
/// character of the pattern stands for one of the text.
pub fn glob<T: Copy + PartialEq>(pattern: &[T], text: &[T], star: T, same: impl Fn(T, T) -> bool) -> bool {
    let (mut p, mut t) = (0, 0);
    // The last star, and where what it stands for ends so far.
    let mut last: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(one) if *one == star => {
                last = Some((p, t));
                p += 1;
            }
            Some(one) if same(*one, text[t]) => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((at, end)) = last else { return false };
                last = Some((at, end + 1));
                (p, t) = (at + 1, end + 1);
            }
        }
    }
    pattern[p..].iter().all(|one| *one == star)
}
