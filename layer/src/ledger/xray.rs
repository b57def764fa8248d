//! Lambda's trace header: `Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Parent=9f31c0d4a86be275;Sampled=1`.

/// The ids of a trace header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `Root`, as W3C writes it: the two parts joined.
    pub trace_id: [u8; 16],
    /// `Parent`, where there is one.
    pub parent: Option<[u8; 8]>,
    /// Whether `Sampled` is 1.
    pub sampled: bool,
}

impl Header {
    /// Reads a header; keys in any order, unknown ones ignored. Without a valid `Root` there is no context.
    pub fn parse(text: &str) -> Option<Self> {
        let mut header = Self { trace_id: [0; 16], parent: None, sampled: false };
        for (key, value) in text.split(';').filter_map(|pair| pair.split_once('=')) {
            let value = value.trim();
            match key.trim() {
                "Root" => header.trace_id = root(value)?,
                "Parent" => header.parent = id(value),
                "Sampled" => header.sampled = value == "1",
                _ => {}
            }
        }
        (header.trace_id != [0; 16]).then_some(header)
    }

    /// The span that the invocation is a child of: a parent that was not sampled reaches no backend, so it is none.
    pub fn known_parent(&self) -> Option<[u8; 8]> {
        self.parent.filter(|_| self.sampled)
    }
}

/// An id of `N` bytes in hexadecimal digits; not one of zeros only, which stands for none.
pub(super) fn id<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    let mut id = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    }
    (id != [0; N]).then_some(id)
}

fn root(text: &str) -> Option<[u8; 16]> {
    let (version, rest) = text.split_once('-')?;
    let (time, unique) = rest.split_once('-')?;
    (version == "1" && time.len() == 8).then(|| id(&format!("{time}{unique}")))?
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: [u8; 16] =
        [0x69, 0x57, 0xa1, 0xf0, 0x3b, 0x8c, 0x51, 0xd2, 0xe7, 0xf0, 0x46, 0x9a, 0x8d, 0x1c, 0x27, 0xe4];

    #[test]
    fn a_header_is_read_whatever_its_order_and_additions() {
        let parent = Some([0x9f, 0x31, 0xc0, 0xd4, 0xa8, 0x6b, 0xe2, 0x75]);
        for (text, expected) in [
            (
                "Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Parent=9f31c0d4a86be275;Sampled=1",
                Some((parent, true)),
            ),
            (
                "Sampled=0; Parent=9F31C0D4A86BE275; Lineage=25:a87bd80c:1; Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4",
                Some((parent, false)),
            ),
            ("Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Lineage=1:73f724a8:0", Some((None, false))),
            ("Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e4;Parent=zz;Sampled=?", Some((None, false))),
            ("Parent=9f31c0d4a86be275;Sampled=1", None),
            ("Root=1-6957a1f0-3b8c51d2e7f0469a8d1c27e", None),
            ("Root=2-6957a1f0-3b8c51d2e7f0469a8d1c27e4", None),
            ("Root=1-00000000-000000000000000000000000", None),
            ("", None),
        ] {
            let expected = expected.map(|(parent, sampled)| Header { trace_id: ROOT, parent, sampled });
            assert_eq!(Header::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn only_a_sampled_parent_is_one_that_somebody_will_see() {
        let header = Header { trace_id: ROOT, parent: Some([1; 8]), sampled: false };
        assert_eq!(header.known_parent(), None);
        assert_eq!(Header { sampled: true, ..header }.known_parent(), Some([1; 8]));
    }
}
