//! Finds single values in JSON text without building the rest: one pass notes where the fields of objects are, a few
//! levels down and for the first elements of arrays, and skips everything else at the speed of a byte scan. What is asked for is a slice of the text until
//! somebody wants its content.
//!
//! Depth costs nothing and nothing is copied, except strings that hold escapes. Text that is not JSON reads as absent.

mod scan;
mod unescape;

use self::{
    scan::{behind_colon, behind_comma, space, string_end, value_end},
    unescape::unescape,
};
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
        let inner = self.escaped()?;
        if memchr::memchr(b'\\', inner).is_none() {
            return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
        }
        unescape(inner).map(Cow::Owned)
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

    /// What is between the brackets of an array; `None` for anything else. Between commas are its elements, if none of
    /// them is an array, an object or a string.
    pub(crate) fn scalars(self) -> Option<&'a [u8]> {
        self.0.strip_prefix(b"[")?.strip_suffix(b"]")
    }

    /// The elements of an array; `None` for anything else.
    pub(crate) fn items(self) -> Option<Items<'a>> {
        (self.0.first() == Some(&b'[')).then(|| Items { text: self.0, at: space(self.0, 1) })
    }
}

/// The fields of an object, of the objects in it and of the objects in its arrays, [`LEVELS`] deep.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    text: &'a [u8],
    /// Each field is followed by the fields of its value; each element of an array counts as a field without a name.
    fields: Vec<Field>,
    /// Whether the text is an array, whose elements are the first level.
    is_array: bool,
}

/// Where a field is in the text. Small, so that the fields of an ordinary event are a small piece of memory.
#[derive(Debug)]
struct Field {
    key: Span,
    value: Span,
    /// How many of the fields that follow are inside the value; never more than [`MOST_FIELDS_IN_ALL`], or little.
    inside: u32,
    /// Of an array of objects, how many elements it has: there are more of them than are noted.
    elements: u32,
    /// Whether the key holds escapes.
    escaped: bool,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
struct Span {
    at: u32,
    length: u32,
}

impl Span {
    /// Of a text that is no longer than such numbers reach.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a document's text is no longer")]
    fn new(at: usize, end: usize) -> Self {
        Self { at: at as u32, length: (end - at) as u32 }
    }

    #[inline]
    fn of(self, text: &[u8]) -> &[u8] {
        let at = self.at as usize;
        text.get(at..at + self.length as usize).unwrap_or_default()
    }
}

impl<'a> Document<'a> {
    /// Reads a text that is one object or one array, and nothing else but white space.
    pub(crate) fn whole(text: &'a [u8]) -> Option<Self> {
        // Lambda's largest event is of 6 MB.
        u32::try_from(text.len()).ok()?;
        let start = space(text, 0);
        let is_array = match text.get(start)? {
            b'{' => false,
            b'[' => true,
            _ => return None,
        };
        let fields = Vec::with_capacity((text.len() / TYPICAL_FIELD).min(MOST_AT_ONCE));
        let mut document = Self { text, fields, is_array };
        let (end, _) = document.read(text, start, LEVELS)?;
        (space(text, end) == text.len()).then_some(document)
    }

    /// The object's own fields; none if the text is an array.
    pub(crate) fn root(&self) -> Object<'_, 'a> {
        Object { text: self.text, fields: if self.is_array { &[] } else { &self.fields } }
    }

    /// The first element, if the text is an array of objects.
    pub(crate) fn first(&self) -> Option<Object<'_, 'a>> {
        let elements = Object { text: self.text, fields: if self.is_array { &self.fields } else { &[] } };
        elements.siblings().next().map(|(_, element)| element)
    }

    /// Reads the value that begins at `at` and notes what is in it, `levels` deep. Says where it ends, and how many
    /// elements it has if it is an array of objects.
    fn read(&mut self, text: &[u8], at: usize, levels: usize) -> Option<(usize, usize)> {
        let open = levels > 0 && self.fields.len() < MOST_FIELDS_IN_ALL;
        match text.get(at)? {
            b'{' if open => self.read_object(text, at, levels).map(|end| (end, 0)),
            b'[' if open && text.get(space(text, at + 1)) == Some(&b'{') => self.read_array(text, at, levels),
            _ => value_end(text, at).map(|end| (end, 0)),
        }
    }

    fn read_object(&mut self, text: &[u8], at: usize, levels: usize) -> Option<usize> {
        let mut at = space(text, at + 1);
        if text.get(at) == Some(&b'}') {
            return Some(at + 1);
        }
        let mut seen = 0;
        loop {
            if text.get(at) != Some(&b'"') {
                return None;
            }
            let (quote, escaped) = string_end(text, at + 1)?;
            let key = Span::new(at + 1, quote);
            let start = behind_colon(text, quote + 1)?;
            seen += 1;
            let end = match text.get(start)? {
                _ if seen > MOST_FIELDS => value_end(text, start)?,
                b'{' | b'[' => self.note_nested(key, escaped, text, start, levels - 1)?,
                // Most hold nothing, and are noted as they are.
                _ => {
                    let end = value_end(text, start)?;
                    let value = Span::new(start, end);
                    self.fields.push(Field { key, value, inside: 0, elements: 0, escaped });
                    end
                }
            };
            match behind_comma(text, end, b'}')? {
                (next, true) => at = next,
                (end, false) => return Some(end),
            }
        }
    }

    fn read_array(&mut self, text: &[u8], at: usize, levels: usize) -> Option<(usize, usize)> {
        let mut at = space(text, at + 1);
        let mut more_noted = true;
        for seen in 0.. {
            // Elements are noted in full or not at all, so that none looks emptier than it is.
            more_noted &= seen < MOST_ELEMENTS && self.fields.len() < MOST_FIELDS_IN_ALL;
            let end = if more_noted {
                self.note_nested(Span::new(at, at), false, text, at, levels)?
            } else {
                value_end(text, at)?
            };
            match behind_comma(text, end, b']')? {
                (next, true) => at = next,
                (end, false) => return Some((end, seen + 1)),
            }
        }
        None
    }

    /// Notes a field, and what is in it.
    fn note_nested(
        &mut self,
        key: Span,
        escaped: bool,
        text: &[u8],
        at: usize,
        levels: usize,
    ) -> Option<usize> {
        let own = self.fields.len();
        self.fields.push(Field { key, value: Span::new(at, at), inside: 0, elements: 0, escaped });
        let (end, elements) = self.read(text, at, levels)?;
        let inside = u32::try_from(self.fields.len() - own - 1).ok()?;
        let field = &mut self.fields[own];
        (field.inside, field.elements, field.value) =
            (inside, u32::try_from(elements).ok()?, Span::new(at, end));
        Some(end)
    }
}

/// The fields of one object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Object<'t, 'a> {
    text: &'a [u8],
    fields: &'t [Field],
}

impl<'t, 'a> Object<'t, 'a> {
    /// The value of a field. Of several with one name the last counts, as with most parsers.
    pub(crate) fn get(self, name: &str) -> Option<Raw<'a>> {
        self.find(|field| field.is(self.text, name)).map(|(field, _)| field.value(self.text))
    }

    /// The value of a field whose name is ASCII in any case, as HTTP headers are.
    pub(crate) fn get_any_case(self, name: &str) -> Option<Raw<'a>> {
        self.find(|field| field.is_any_case(self.text, name)).map(|(field, _)| field.value(self.text))
    }

    /// The text of a field that is a string.
    pub(crate) fn text(self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name)?.text()
    }

    /// The fields of a field that is an object.
    pub(crate) fn object(self, name: &str) -> Option<Self> {
        let (field, inside) = self.find(|field| field.is(self.text, name))?;
        field.is_object(self.text).then_some(inside)
    }

    /// The same for a name in any case.
    pub(crate) fn object_any_case(self, name: &str) -> Option<Self> {
        let (field, inside) = self.find(|field| field.is_any_case(self.text, name))?;
        field.is_object(self.text).then_some(inside)
    }

    /// The elements of a field that is an array.
    pub(crate) fn items(self, name: &str) -> Option<Items<'a>> {
        self.get(name)?.items()
    }

    /// Whether a field is there and not `null`.
    pub(crate) fn has(self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.0 != b"null")
    }

    /// The elements of a field that is an array of objects; an element that is none has no fields.
    pub(crate) fn objects(self, name: &str) -> Option<Objects<'t, 'a>> {
        let (field, inside) = self.find(|field| field.is(self.text, name))?;
        (field.elements > 0).then_some(Objects { noted: inside, total: field.elements as usize })
    }

    /// Whether fields may be missing because there were too many.
    pub(crate) fn may_be_cut(self) -> bool {
        self.siblings().count() >= MOST_FIELDS
    }

    /// Names and values in the order of the text. Names that are not UTF-8 are left out.
    pub(crate) fn iter(self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> {
        self.siblings().filter_map(move |(field, _)| Some((field.name(self.text)?, field.value(self.text))))
    }

    /// The arrays of objects among the fields.
    pub(crate) fn arrays(self) -> impl Iterator<Item = Objects<'t, 'a>> {
        self.siblings()
            .filter(|(field, _)| field.elements > 0)
            .map(|(field, noted)| Objects { noted, total: field.elements as usize })
    }

    #[inline]
    fn find(self, wanted: impl Fn(&Field) -> bool) -> Option<(&'t Field, Self)> {
        let mut found = None;
        let mut rest = self.fields;
        while let Some((field, behind)) = rest.split_first() {
            let (inside, next) = behind.split_at_checked(field.inside as usize)?;
            if wanted(field) {
                found = Some((field, Self { text: self.text, fields: inside }));
            }
            rest = next;
        }
        found
    }

    /// Each field with the fields of its value.
    fn siblings(self) -> impl Iterator<Item = (&'t Field, Self)> {
        let mut rest = self.fields;
        std::iter::from_fn(move || {
            let (field, behind) = rest.split_first()?;
            let (inside, next) = behind.split_at_checked(field.inside as usize)?;
            rest = next;
            Some((field, Self { text: self.text, fields: inside }))
        })
    }
}

impl Field {
    fn name<'a>(&self, text: &'a [u8]) -> Option<Cow<'a, str>> {
        let key = self.key.of(text);
        match self.escaped {
            false => std::str::from_utf8(key).ok().map(Cow::Borrowed),
            true => unescape(key).map(Cow::Owned),
        }
    }

    fn value<'a>(&self, text: &'a [u8]) -> Raw<'a> {
        Raw(self.value.of(text))
    }

    #[inline]
    fn is(&self, text: &[u8], name: &str) -> bool {
        match self.escaped {
            false => self.key.length as usize == name.len() && self.key.of(text) == name.as_bytes(),
            true => self.name(text).is_some_and(|own| own == name),
        }
    }

    #[inline]
    fn is_any_case(&self, text: &[u8], name: &str) -> bool {
        match self.escaped {
            false => {
                self.key.length as usize == name.len()
                    && self.key.of(text).eq_ignore_ascii_case(name.as_bytes())
            }
            true => self.name(text).is_some_and(|own| own.eq_ignore_ascii_case(name)),
        }
    }

    fn is_object(&self, text: &[u8]) -> bool {
        self.value.of(text).first() == Some(&b'{')
    }
}

/// The elements of an array of objects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Objects<'t, 'a> {
    noted: Object<'t, 'a>,
    total: usize,
}

impl<'t, 'a> Objects<'t, 'a> {
    /// The first elements, at most [`MOST_ELEMENTS`].
    pub(crate) fn iter(self) -> impl Iterator<Item = Object<'t, 'a>> {
        self.noted.siblings().map(|(_, element)| element)
    }

    /// How many elements there are in all; at least one.
    pub(crate) fn total(self) -> usize {
        self.total
    }
}

/// The elements of any array, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Items<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let end = value_end(self.text, self.at)?;
        let element = Raw(&self.text[self.at..end]);
        let next = space(self.text, end);
        // Where no comma follows, the array ends here, or is none.
        self.at =
            if self.text.get(next) == Some(&b',') { space(self.text, next + 1) } else { self.text.len() };
        Some(element)
    }
}

/// How deep fields are noted; the deepest wanted are `Records[].Sns.MessageAttributes.traceparent.Value`. Also how deep
/// the reading recurses.
const LEVELS: usize = 5;
/// Bytes of a field that is noted, name and all: to make room once for those of most events …
const TYPICAL_FIELD: usize = 24;
/// … but not for those of an event that is large because of one body; and no more than allocators have at hand, which is
/// up to a kilobyte.
const MOST_AT_ONCE: usize = 36;
/// No event that a service sends has an object with more fields than this whose fields we look for; the rest is
/// skipped, so that an object of a million fields costs no memory.
const MOST_FIELDS: usize = 256;
/// With so many fields noted, objects are no longer opened. Twice what a full batch of SQS has.
const MOST_FIELDS_IN_ALL: usize = 8192;
/// As many elements of an array are noted as a span can have links.
pub(crate) const MOST_ELEMENTS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn field<'a>(json: &'a str, name: &str) -> Option<Raw<'a>> {
        Document::whole(json.as_bytes()).and_then(|document| document.root().get(name))
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
        let object = Document::whole(b"{\"a\":\"\xff\",\"\xff\":1}").unwrap();
        assert!(object.root().text("a").is_none());
        assert_eq!(object.root().iter().count(), 1);
    }

    #[test]
    fn the_last_of_two_equal_keys_counts() {
        assert_eq!(field(r#"{"a":1,"a":2}"#, "a").and_then(Raw::integer), Some(2));
    }

    #[test]
    fn what_is_not_one_whole_object_is_none() {
        for text in
            ["", " ", "null", "1", "\"a\"", "{", "{}x", "{}{}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}"]
        {
            assert!(Document::whole(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Document::whole(b"\n{ }\t").is_some());
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
    fn all_elements_are_counted_and_the_first_ones_noted() {
        let json =
            format!(r#"{{"a":[{{"b":[{{"c":1}}]}},null{}],"d":[],"e":[1]}}"#, r#", {"b":2}"#.repeat(498));
        let document = Document::whole(json.as_bytes()).unwrap();
        let objects = document.root().objects("a").unwrap();
        assert_eq!((objects.total(), objects.iter().count()), (500, MOST_ELEMENTS));
        let mut elements = objects.iter();
        assert_eq!(elements.next().and_then(|first| first.objects("b")).map(Objects::total), Some(1));
        assert!(
            elements.next().is_some_and(|null| null.iter().next().is_none()),
            "an element without fields"
        );
        assert_eq!(elements.next().and_then(|third| third.get("b")?.integer()), Some(2));
        assert!(document.root().objects("d").is_none() && document.root().objects("e").is_none());
    }

    #[test]
    fn an_array_of_objects_may_be_the_whole_and_an_unsound_one_spoils_it() {
        let document = Document::whole(br#" [{"a":1},{"a":2}] "#).unwrap();
        assert_eq!(document.first().and_then(|first| first.get("a")?.integer()), Some(1));
        assert!(document.root().get("a").is_none());
        for unsound in [r#"[{"a":1} {"a":2}]"#, r#"[{"a":1},]"#, r#"[{"a":1}"#, r#"{"b":[{"a":1}{}]}"#] {
            assert!(Document::whole(unsound.as_bytes()).is_none(), "{unsound}");
        }
    }

    #[test]
    fn fields_beyond_the_levels_are_skipped_and_what_follows_is_found() {
        let json = r#"{"a":{"b":{"c":{"d":{"e":{"f":1}}}}},"z":2}"#;
        let document = Document::whole(json.as_bytes()).unwrap();
        let d = document.root().object("a").and_then(|a| a.object("b")?.object("c")?.object("d")).unwrap();
        assert!(d.has("e") && d.object("e").is_some_and(|e| e.iter().next().is_none()));
        assert!(document.root().has("z"));
    }

    #[test]
    fn any_array_can_be_walked() {
        let items = |json: &'static str| Raw(json.as_bytes()).items().map(Iterator::count);
        assert_eq!(items("[]"), Some(0));
        assert_eq!(items("[ 1, [2,3] ,{\"a\":[]}, null ]"), Some(4));
        assert_eq!(items("null"), None);
    }

    #[test]
    fn depth_costs_no_stack() {
        let json = format!("{{\"a\":{}{},\"b\":1}}", "[".repeat(3_000_000), "]".repeat(3_000_000));
        assert_eq!(field(&json, "b").and_then(Raw::integer), Some(1));
    }

    #[test]
    fn an_object_of_a_million_fields_keeps_only_the_first_ones() {
        let json = format!("{{\"a\":1{}}}", ",\"x\":0".repeat(1_000_000));
        let object = Document::whole(json.as_bytes()).unwrap();
        assert_eq!((object.root().iter().count(), object.root().has("a")), (MOST_FIELDS, true));
    }
}
