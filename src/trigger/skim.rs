//! Finds single values in JSON text without building the rest: what is not asked for is skipped at the speed of a
//! byte scan, and what is asked for is a slice of the text until somebody wants its content.
//!
//! Nothing here recurses, so depth costs nothing; nothing copies, except strings that hold escapes. Text that is not
//! JSON reads as absent.

use std::borrow::Cow;

/// One JSON value, as its text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// A text that is one value and nothing else but white space.
    pub(crate) fn whole(text: &'a [u8]) -> Option<Self> {
        let start = space(text, 0);
        let end = value_end(text, start)?;
        (space(text, end) == text.len()).then(|| Self(&text[start..end]))
    }

    /// The content of a string; `None` for anything else and for what is not UTF-8.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        match memchr::memchr(b'\\', inner) {
            None => std::str::from_utf8(inner).ok().map(Cow::Borrowed),
            Some(first) => unescape(inner, first).map(Cow::Owned),
        }
    }

    /// A string between its quotes, escapes and all: to look at how it begins before it is worth unescaping.
    pub(crate) fn escaped(self) -> Option<&'a [u8]> {
        self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }

    /// A number without fraction, in range.
    pub(crate) fn integer(self) -> Option<i64> {
        std::str::from_utf8(self.0).ok()?.parse().ok()
    }

    /// Any number.
    pub(crate) fn number(self) -> Option<f64> {
        std::str::from_utf8(self.0).ok()?.parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// The fields of an object; `None` for anything else.
    pub(crate) fn object(self) -> Option<Object<'a>> {
        Object::read(self.0, 0).map(|(object, _)| object)
    }

    /// The elements of an array; `None` for anything else.
    pub(crate) fn items(self) -> Option<Items<'a>> {
        (self.0.first() == Some(&b'[')).then(|| Items { text: self.0, at: space(self.0, 1), end: false })
    }
}

/// The fields of one JSON object, each value still text.
#[derive(Debug, Default)]
pub(crate) struct Object<'a> {
    fields: Vec<Field<'a>>,
}

#[derive(Debug)]
struct Field<'a> {
    key: &'a [u8],
    escaped: bool,
    value: Raw<'a>,
}

impl<'a> Object<'a> {
    /// Reads a text that is one object and nothing else but white space.
    pub(crate) fn whole(text: &'a [u8]) -> Option<Self> {
        let (object, end) = Self::read(text, space(text, 0))?;
        (space(text, end) == text.len()).then_some(object)
    }

    /// The value of a field. Of several with one name the last counts, as with most parsers.
    pub(crate) fn get(&self, name: &str) -> Option<Raw<'a>> {
        self.fields.iter().rev().find(|field| field.is(name)).map(|field| field.value)
    }

    /// The value of a field whose name is ASCII in any case, as HTTP headers are.
    pub(crate) fn get_any_case(&self, name: &str) -> Option<Raw<'a>> {
        self.fields.iter().rev().find(|field| field.is_any_case(name)).map(|field| field.value)
    }

    /// The text of a field that is a string.
    pub(crate) fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.text()
    }

    /// The fields of a field that is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Object<'a>> {
        self.get(name)?.object()
    }

    /// The elements of a field that is an array.
    pub(crate) fn items(&self, name: &str) -> Option<Items<'a>> {
        self.get(name)?.items()
    }

    /// Whether a field is there and not `null`.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.0 != b"null")
    }

    /// Names and values in the order of the text. Names that are not UTF-8 are left out.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> + '_ {
        self.fields.iter().filter_map(|field| Some((field.name()?, field.value)))
    }

    /// Reads the object that begins at `at`; also says where it ends.
    fn read(text: &'a [u8], at: usize) -> Option<(Self, usize)> {
        if text.get(at) != Some(&b'{') {
            return None;
        }
        let mut fields = Vec::with_capacity(TYPICAL_FIELDS);
        let mut at = space(text, at + 1);
        if text.get(at) == Some(&b'}') {
            return Some((Self { fields }, at + 1));
        }
        loop {
            if text.get(at) != Some(&b'"') {
                return None;
            }
            let (quote, escaped) = string_end(text, at + 1)?;
            let key = &text[at + 1..quote];
            at = space(text, quote + 1);
            if text.get(at) != Some(&b':') {
                return None;
            }
            let start = space(text, at + 1);
            let end = value_end(text, start)?;
            if fields.len() < MOST_FIELDS {
                fields.push(Field { key, escaped, value: Raw(&text[start..end]) });
            }
            at = space(text, end);
            match text.get(at)? {
                b',' => at = space(text, at + 1),
                b'}' => return Some((Self { fields }, at + 1)),
                _ => return None,
            }
        }
    }
}

impl<'a> Field<'a> {
    fn name(&self) -> Option<Cow<'a, str>> {
        match self.escaped {
            false => std::str::from_utf8(self.key).ok().map(Cow::Borrowed),
            true => unescape(self.key, 0).map(Cow::Owned),
        }
    }

    fn is(&self, name: &str) -> bool {
        match self.escaped {
            false => self.key == name.as_bytes(),
            true => self.name().is_some_and(|own| own == name),
        }
    }

    fn is_any_case(&self, name: &str) -> bool {
        match self.escaped {
            false => self.key.eq_ignore_ascii_case(name.as_bytes()),
            true => self.name().is_some_and(|own| own.eq_ignore_ascii_case(name)),
        }
    }
}

/// The elements of an array, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    text: &'a [u8],
    at: usize,
    end: bool,
}

impl<'a> Items<'a> {
    /// The next element read as an object in the same pass that finds its end; an element that is none reads as an
    /// object without fields.
    pub(crate) fn next_object(&mut self) -> Option<Object<'a>> {
        self.step(|text, at| match text.get(at) {
            Some(b'{') => Object::read(text, at),
            _ => Some((Object::default(), value_end(text, at)?)),
        })
    }

    /// How many elements are left; `None` if the array turns out not to be JSON.
    pub(crate) fn count_rest(mut self) -> Option<usize> {
        let left = self.by_ref().count();
        self.end.then_some(left)
    }

    fn step<T>(&mut self, read: impl FnOnce(&'a [u8], usize) -> Option<(T, usize)>) -> Option<T> {
        if self.text.get(self.at) == Some(&b']') {
            self.end = true;
            return None;
        }
        let (element, end) = read(self.text, self.at)?;
        let next = space(self.text, end);
        match self.text.get(next) {
            Some(b']') => self.at = next,
            // A comma promises another element: a bracket after it would end the array all the same, tolerantly.
            Some(b',') => self.at = space(self.text, next + 1),
            // Not JSON: stop here, and never reach the end.
            _ => self.at = self.text.len(),
        }
        Some(element)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        self.step(|text, at| {
            let end = value_end(text, at)?;
            Some((Raw(&text[at..end]), end))
        })
    }
}

/// The first byte at or after `at` that is not white space.
fn space(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        at += 1;
    }
    at
}

/// Where the value that begins at `at` ends.
fn value_end(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b'"' => string_end(text, at + 1).map(|(quote, _)| quote + 1),
        b'{' | b'[' => nested_end(text, at),
        _ => scalar_end(text, at),
    }
}

/// Where the object or array that begins at `at` ends. Only brackets are counted: whether what lies between is JSON
/// shows when it is asked for.
fn nested_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        at += text.get(at..)?.iter().position(|&byte| STRUCTURE[usize::from(byte)])?;
        match text[at] {
            b'"' => at = string_end(text, at + 1)?.0,
            b'{' | b'[' => depth += 1,
            _ => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
        }
        at += 1;
    }
}

/// Where a number, `true`, `false` or `null` ends.
fn scalar_end(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let len = rest
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')))
        .unwrap_or(rest.len());
    match &rest[..len] {
        b"true" | b"false" | b"null" | [b'-' | b'0'..=b'9', ..] => Some(at + len),
        _ => None,
    }
}

/// The closing quote of the string whose content begins at `at`, and whether the string holds escapes.
fn string_end(text: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut escaped = false;
    loop {
        at += quote_or_escape(text.get(at..)?)?;
        if text[at] == b'"' {
            return Some((at, escaped));
        }
        // Whatever is escaped, it does not end the string.
        escaped = true;
        at += 2;
    }
}

/// The first quote or backslash. Most strings end within a few bytes, where a call into vectorised code costs more
/// than it saves; long ones are left to it.
fn quote_or_escape(text: &[u8]) -> Option<usize> {
    let mut seen = 0;
    for word in text.as_chunks::<8>().0.iter().take(SHORT_WORDS) {
        let word = u64::from_le_bytes(*word);
        let hits = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES);
        if hits != 0 {
            return Some(seen + hits.trailing_zeros() as usize / 8);
        }
        seen += 8;
    }
    memchr::memchr2(b'"', b'\\', &text[seen..]).map(|at| seen + at)
}

/// Marks the bytes of `word` that are zero; exact up to and including the lowest one.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGH_BITS
}

/// Decodes a string's escapes; `first` is a place before or at the first one. `None` when it is not a JSON string.
fn unescape(mut text: &[u8], first: usize) -> Option<String> {
    let mut plain = Vec::with_capacity(text.len());
    let mut next =
        Some(first).filter(|&at| text.get(at) == Some(&b'\\')).or_else(|| memchr::memchr(b'\\', text));
    while let Some(at) = next {
        plain.extend_from_slice(&text[..at]);
        let (decoded, used) = match *text.get(at + 1)? {
            escaped @ (b'"' | b'\\' | b'/') => (char::from(escaped), 2),
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'n' => ('\n', 2),
            b'r' => ('\r', 2),
            b't' => ('\t', 2),
            b'u' => unicode(text.get(at + 2..)?)?,
            _ => return None,
        };
        plain.extend_from_slice(decoded.encode_utf8(&mut [0; 4]).as_bytes());
        text = &text[at + used..];
        next = memchr::memchr(b'\\', text);
    }
    plain.extend_from_slice(text);
    String::from_utf8(plain).ok()
}

/// Decodes what follows `\u`, a pair of surrogates included; also the length of the escape as a whole.
fn unicode(digits: &[u8]) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = digits.get(at..at + 4)?;
        digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
        u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let high = unit(0)?;
    if !(0xd800..0xdc00).contains(&high) {
        return Some((char::from_u32(high)?, 6));
    }
    let low =
        (digits.get(4..6)? == b"\\u").then(|| unit(6))??.checked_sub(0xdc00).filter(|low| *low < 0x400)?;
    Some((char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low)?, 12))
}

/// The bytes that matter when a nested value is skipped.
const STRUCTURE: [bool; 256] = {
    let mut table = [false; 256];
    table[b'"' as usize] = true;
    table[b'{' as usize] = true;
    table[b'}' as usize] = true;
    table[b'[' as usize] = true;
    table[b']' as usize] = true;
    table
};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = ONES * b'"' as u64;
const BACKSLASHES: u64 = ONES * b'\\' as u64;

/// How many words of eight bytes are looked at before vectorised code is called.
const SHORT_WORDS: usize = 4;
/// Room for the fields of most objects, so that few of them grow.
const TYPICAL_FIELDS: usize = 16;
/// No event that a service sends has an object with more fields than this whose fields we look for; the rest is
/// skipped, so that an object of a million fields costs no memory.
const MOST_FIELDS: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(json: &'a str, name: &str) -> Option<Raw<'a>> {
        Object::whole(json.as_bytes()).and_then(|object| object.get(name))
    }

    #[test]
    fn a_field_is_found_behind_nested_values_and_strings_full_of_brackets() {
        let json =
            r#" { "a" : {"x":[1,{"y":"]}\""}]}, "b":"}{\\", "c" :-1.5e3 ,"d": true, "wanted":"yes" } "#;
        assert_eq!(field(json, "wanted").and_then(Raw::text).as_deref(), Some("yes"));
        assert_eq!(field(json, "c").and_then(Raw::number), Some(-1500.0));
        assert_eq!(field(json, "b").and_then(Raw::text).as_deref(), Some("}{\\"));
    }

    #[test]
    fn every_escape_is_decoded_in_keys_and_values() {
        let json = r#"{"\u0052ecords":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"}"#;
        assert_eq!(field(json, "Records").and_then(Raw::text).as_deref(), Some("\"\\/\u{8}\u{c}\n\r\té😀"));
    }

    #[test]
    fn wrong_escapes_and_invalid_utf8_read_as_absent() {
        for json in [
            r#"{"a":"\x"}"#,
            r#"{"a":"\u12"}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\ud800A"}"#,
            r#"{"a":"\u+123"}"#,
        ] {
            assert!(field(json, "a").is_some_and(|raw| raw.text().is_none()), "{json}");
        }
        let object = Object::whole(b"{\"a\":\"\xff\",\"\xff\":1}").unwrap();
        assert!(object.text("a").is_none());
        assert_eq!(object.iter().count(), 1);
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(field(r#"{"a":1,"a":2}"#, "a").and_then(Raw::integer), Some(2));
    }

    #[test]
    fn what_is_not_one_whole_object_is_none() {
        for text in [
            "",
            " ",
            "[]",
            "null",
            "1",
            "\"a\"",
            "{",
            "{}x",
            "{}{}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "{a:1}",
        ] {
            assert!(Object::whole(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Object::whole(b"\n{ }\t").is_some());
    }

    #[test]
    fn strings_end_where_they_should_at_every_length() {
        for len in 0..80 {
            let json = format!(r#"{{"{0}":"{0}","b":"\"{0}\\","c":1}}"#, "x".repeat(len));
            assert_eq!(field(&json, "c").and_then(Raw::integer), Some(1), "{json}");
            assert_eq!(
                field(&json, "b").and_then(Raw::text),
                Some(format!("\"{}\\", "x".repeat(len)).into())
            );
        }
    }

    #[test]
    fn elements_are_counted_only_when_the_array_is_sound() {
        let items = |json: &'static str| Raw(json.as_bytes()).items();
        assert_eq!(items("[]").and_then(Items::count_rest), Some(0));
        assert_eq!(items("[ 1, [2,3] ,{\"a\":[]}, null ]").and_then(Items::count_rest), Some(4));
        assert_eq!(items("[1 2]").and_then(Items::count_rest), None);
        assert!(items("null").is_none());
    }

    #[test]
    fn an_element_that_is_no_object_reads_as_one_without_fields() {
        let mut items = Raw(br#"[null,{"a":1}]"#).items().unwrap();
        assert!(items.next_object().unwrap().get("a").is_none());
        assert!(items.next_object().unwrap().get("a").is_some());
        assert!(items.next_object().is_none());
    }

    #[test]
    fn depth_costs_no_stack() {
        let json = format!("{{\"a\":{}{},\"b\":1}}", "[".repeat(3_000_000), "]".repeat(3_000_000));
        assert_eq!(field(&json, "b").and_then(Raw::integer), Some(1));
    }

    #[test]
    fn an_object_of_a_million_fields_keeps_only_the_first_ones() {
        let json = format!("{{\"a\":1{}}}", ",\"x\":0".repeat(1_000_000));
        let object = Object::whole(json.as_bytes()).unwrap();
        assert_eq!((object.iter().count(), object.has("a")), (MOST_FIELDS, true));
    }
}
