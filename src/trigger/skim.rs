//! Finds single values in JSON text without building the rest: one pass notes where the fields of objects are, a few
//! levels down and for the first elements of arrays, and skips everything else at the speed of a byte scan. What is asked for is a slice of the text until
//! somebody wants its content.
//!
//! Depth costs nothing and nothing is copied, except strings that hold escapes. Text that is not JSON reads as absent.

mod scan;
mod unescape;

use self::{
    scan::{Scanner, Text},
    unescape::unescape,
};
use std::{borrow::Cow, cell::Cell, mem};

/// One JSON value, as its place in the text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raw<'a> {
    text: Text<'a>,
    span: Span,
}

impl<'a> Raw<'a> {
    /// A text that is one value and nothing else but white space.
    pub(crate) fn whole(text: &'a [u8]) -> Option<Self> {
        let text = Text::plain(text);
        let start = text.space(0);
        let (end, escaped) = Scanner::new(text).value_end(start)?;
        (text.space(end) == text.bytes.len()).then(|| Self { text, span: Span::new(start, end, escaped) })
    }

    /// The content of a string; `None` for anything else and for what is not UTF-8.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        content(self.escaped()?, self.text.quote, self.span.size.escaped())
    }

    /// A string between its quotes, escapes and all: to look at how it begins before it is worth unescaping.
    pub(crate) fn escaped(self) -> Option<&'a [u8]> {
        let (bytes, quote) = (self.bytes(), self.text.quote);
        if bytes.get(quote - 1) == Some(&b'"') {
            bytes.get(quote..bytes.len().checked_sub(quote)?)
        } else {
            None
        }
    }

    /// A number without fraction, in range.
    pub(crate) fn integer(self) -> Option<i64> {
        std::str::from_utf8(self.bytes()).ok()?.parse().ok()
    }

    /// Any number.
    pub(crate) fn number(self) -> Option<f64> {
        std::str::from_utf8(self.bytes()).ok()?.parse().ok().filter(|n: &f64| n.is_finite())
    }

    /// What is between the brackets of an array; `None` for anything else. Between commas are its elements, if none of
    /// them is an array, an object or a string.
    pub(crate) fn scalars(self) -> Option<&'a [u8]> {
        self.bytes().strip_prefix(b"[")?.strip_suffix(b"]")
    }

    /// The elements of an array; `None` for anything else.
    pub(crate) fn items(self) -> Option<Items<'a>> {
        let at = self.span.at as usize;
        (self.text.get(at) == Some(b'['))
            .then(|| Items { scanner: Scanner::new(self.text), at: self.text.space(at + 1) })
    }

    fn bytes(self) -> &'a [u8] {
        self.span.of(self.text.bytes)
    }
}

/// What is between quotes of so many bytes.
fn content(inner: &[u8], quote: usize, escaped: bool) -> Option<Cow<'_, str>> {
    if !escaped {
        return std::str::from_utf8(inner).ok().map(Cow::Borrowed);
    }
    let once = unescape(inner)?;
    if quote == 1 { Some(Cow::Owned(once)) } else { unescape(once.as_bytes()).map(Cow::Owned) }
}

/// The fields of an object, of the objects in it and of the objects in its arrays, [`LEVELS`] deep.
#[derive(Debug, Default)]
pub(crate) struct Document<'a> {
    text: Text<'a>,
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
}

/// A piece of the text, and whether it holds escapes.
#[derive(Clone, Copy, Debug)]
struct Span {
    at: u32,
    size: Size,
}

/// A length, and whether what has it holds escapes: in one number, so that one look tells most names from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size(u32);

impl Size {
    /// Of a text that is no longer than [`LONGEST_TEXT`].
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a document's text is no longer")]
    const fn new(length: usize, escaped: bool) -> Self {
        Self((length as u32) << 1 | escaped as u32)
    }

    #[inline]
    fn length(self) -> usize {
        (self.0 >> 1) as usize
    }

    #[inline]
    fn escaped(self) -> bool {
        self.0 & 1 != 0
    }
}

impl Span {
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a document's text is no longer")]
    fn new(at: usize, end: usize, escaped: bool) -> Self {
        Self { at: at as u32, size: Size::new(end - at, escaped) }
    }

    #[inline]
    fn of(self, text: &[u8]) -> &[u8] {
        let at = self.at as usize;
        text.get(at..at + self.size.length()).unwrap_or_default()
    }
}

impl<'a> Document<'a> {
    /// Reads a text that is one object or one array, and nothing else but white space.
    pub(crate) fn whole(text: &'a [u8]) -> Option<Self> {
        Self::new(Text::plain(text))
    }

    /// Reads such a text where it is the content of a string, without unescaping it. `None` also where that is not
    /// possible, because characters that are written as numbers may be anything.
    pub(crate) fn quoted(escaped: &'a [u8]) -> Option<Self> {
        Self::new(Text::quoted(escaped))
    }

    fn new(text: Text<'a>) -> Option<Self> {
        let length = text.bytes.len();
        if length > LONGEST_TEXT {
            return None;
        }
        let start = text.space(0);
        let is_array = match text.get(start)? {
            b'{' => false,
            b'[' => true,
            _ => return None,
        };
        let mut fields = SPARE.try_with(Cell::take).unwrap_or_default();
        fields.reserve((length / TYPICAL_FIELD).min(MOST_AT_ONCE));
        let mut document = Self { text, fields, is_array };
        let (end, _) = document.read(&mut Scanner::new(text), start, LEVELS)?;
        (text.space(end) == length).then_some(document)
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
    fn read(&mut self, scanner: &mut Scanner<'_>, at: usize, levels: usize) -> Option<(usize, usize)> {
        match scanner.text.get(at)? {
            _ if !self.opens(scanner.text, at, levels) => scanner.value_end(at).map(|(end, _)| (end, 0)),
            b'{' => self.read_object(scanner, at, levels).map(|end| (end, 0)),
            _ => self.read_array(scanner, at, levels),
        }
    }

    /// Whether what is in the value that begins at `at` is noted: that of objects and of arrays of objects, unless they are
    /// too deep or too many.
    #[inline]
    fn opens(&self, text: Text<'_>, at: usize, levels: usize) -> bool {
        let holds_fields = match text.get(at) {
            Some(b'{') => true,
            Some(b'[') => text.get(text.space(at + 1)) == Some(b'{'),
            _ => false,
        };
        holds_fields && levels > 0 && self.fields.len() < MOST_FIELDS_IN_ALL
    }

    fn read_object(&mut self, scanner: &mut Scanner<'_>, at: usize, levels: usize) -> Option<usize> {
        let text = scanner.text;
        let mut at = text.space(at + 1);
        if text.get(at) == Some(b'}') {
            return Some(at + 1);
        }
        if !text.has_quote(at) {
            return None;
        }
        for _ in 0..MOST_FIELDS {
            let name = at + text.quote;
            let (quote, escaped) = scanner.string_end(name)?;
            let key = Span::new(name, quote + 1 - text.quote, escaped);
            let start = text.behind_colon(quote + 1)?;
            // Most values are strings.
            let end = if text.has_quote(start) {
                let (quote, escaped) = scanner.string_end(start + text.quote)?;
                self.note(key, Span::new(start, quote + 1, escaped));
                quote + 1
            } else {
                self.note_value(key, scanner, start, levels - 1)?
            };
            if text.get(end) == Some(b',') && text.has_quote(end + 1) {
                at = end + 1;
                continue;
            }
            match text.behind_comma(end, b'}')? {
                (next, true) if text.has_quote(next) => at = next,
                (_, true) => return None,
                (end, false) => return Some(end),
            }
        }
        scanner.nested_end(at, 1)
    }

    fn read_array(&mut self, scanner: &mut Scanner<'_>, at: usize, levels: usize) -> Option<(usize, usize)> {
        let text = scanner.text;
        let mut at = text.space(at + 1);
        let mut more_noted = true;
        for seen in 0.. {
            // Elements are noted in full or not at all, so that none looks emptier than it is.
            more_noted &= seen < MOST_ELEMENTS && self.fields.len() < MOST_FIELDS_IN_ALL;
            let end = if more_noted {
                self.note_value(Span::new(at, at, false), scanner, at, levels)?
            } else {
                scanner.value_end(at)?.0
            };
            match text.behind_comma(end, b']')? {
                (next, true) => at = next,
                (end, false) => return Some((end, seen + 1)),
            }
        }
        None
    }

    /// Notes a field with nothing in it.
    #[inline]
    fn note(&mut self, key: Span, value: Span) {
        self.fields.push(Field { key, value, inside: 0, elements: 0 });
    }

    /// Notes a field, and what is in it.
    fn note_value(
        &mut self,
        key: Span,
        scanner: &mut Scanner<'_>,
        at: usize,
        levels: usize,
    ) -> Option<usize> {
        if !self.opens(scanner.text, at, levels) {
            let (end, escaped) = scanner.value_end(at)?;
            self.note(key, Span::new(at, end, escaped));
            return Some(end);
        }
        let own = self.fields.len();
        self.note(key, Span::new(at, at, false));
        let (end, elements) = self.read(scanner, at, levels)?;
        let inside = u32::try_from(self.fields.len() - own - 1).ok()?;
        let field = &mut self.fields[own];
        (field.inside, field.elements, field.value) =
            (inside, u32::try_from(elements).ok()?, Span::new(at, end, false));
        Some(end)
    }
}

impl Drop for Document<'_> {
    fn drop(&mut self) {
        let mut fields = mem::take(&mut self.fields);
        fields.clear();
        if (1..=MOST_SPARED).contains(&fields.capacity()) {
            // A thread that is about to end keeps nothing.
            let _ = SPARE.try_with(|spare| spare.set(fields));
        }
    }
}

thread_local! {
    /// What the fields of the last document were in, for those of the next: it is larger than what allocators have at hand.
    static SPARE: Cell<Vec<Field>> = const { Cell::new(Vec::new()) };
}

/// The fields of one object.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Object<'t, 'a> {
    text: Text<'a>,
    fields: &'t [Field],
}

impl<'t, 'a> Object<'t, 'a> {
    /// The value of a field. Of several with one name the last counts, as with most parsers.
    pub(crate) fn get(self, name: &str) -> Option<Raw<'a>> {
        self.member(name).value()
    }

    /// The value of a field whose name is ASCII in any case, as HTTP headers are.
    #[inline]
    pub(crate) fn get_any_case(self, name: &str) -> Option<Raw<'a>> {
        self.nonempty()?.member_any_case(name).value()
    }

    /// The text of a field that is a string.
    pub(crate) fn text(self, name: &str) -> Option<Cow<'a, str>> {
        self.member(name).text()
    }

    /// The fields of a field that is an object.
    pub(crate) fn object(self, name: &str) -> Option<Self> {
        self.member(name).object()
    }

    /// The same for a name in any case.
    #[inline]
    pub(crate) fn object_any_case(self, name: &str) -> Option<Self> {
        self.nonempty()?.member_any_case(name).object()
    }

    /// The elements of a field that is an array.
    pub(crate) fn items(self, name: &str) -> Option<Items<'a>> {
        self.get(name)?.items()
    }

    /// Whether a field is there and not `null`.
    pub(crate) fn has(self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.bytes() != b"null")
    }

    /// The elements of a field that is an array of objects; an element that is none has no fields.
    pub(crate) fn objects(self, name: &str) -> Option<Objects<'t, 'a>> {
        let (field, noted) = self.member(name).noted()?;
        (field.elements > 0).then_some(Objects { noted, total: field.elements as usize })
    }

    /// Several fields, in one go.
    pub(crate) fn members<const N: usize>(self, names: [&str; N]) -> [Member<'t, 'a>; N] {
        self.find(names, |one, other| one == other)
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

    /// This, if there is anything to search: of several places where something may be, most hold nothing.
    #[inline]
    fn nonempty(self) -> Option<Self> {
        (!self.fields.is_empty()).then_some(self)
    }

    fn member(self, name: &str) -> Member<'t, 'a> {
        let [member] = self.members([name]);
        member
    }

    fn member_any_case(self, name: &str) -> Member<'t, 'a> {
        // Most names are in the case that is asked for, which is less to compare.
        let [member] = self.find([name], |one, other| one == other || one.eq_ignore_ascii_case(other));
        member
    }

    #[inline]
    fn find<const N: usize>(
        self,
        names: [&str; N],
        same: impl Copy + Fn(&[u8], &[u8]) -> bool,
    ) -> [Member<'t, 'a>; N] {
        let Self { text, fields } = self;
        let mut found = [fields.len(); N];
        let mut at = 0;
        while let Some(field) = fields.get(at) {
            for (found, name) in found.iter_mut().zip(names) {
                if field.is(text, name, same) {
                    *found = at;
                }
            }
            at += 1 + field.inside as usize;
        }
        found.map(|at| Member { text, fields: fields.get(at..).unwrap_or_default() })
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
    fn name<'a>(&self, text: Text<'a>) -> Option<Cow<'a, str>> {
        content(self.key.of(text.bytes), text.quote, self.key.size.escaped())
    }

    fn value<'a>(&self, text: Text<'a>) -> Raw<'a> {
        Raw { text, span: self.value }
    }

    /// Whether the name is `name`, given what tells whether one without escapes is.
    #[inline]
    fn is(&self, text: Text<'_>, name: &str, same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        if self.key.size == Size::new(name.len(), false) {
            return same(self.key.of(text.bytes), name.as_bytes());
        }
        self.key.size.escaped() && self.is_unescaped(text, name, same)
    }

    #[cold]
    #[inline(never)]
    fn is_unescaped(&self, text: Text<'_>, name: &str, same: impl Fn(&[u8], &[u8]) -> bool) -> bool {
        self.name(text).is_some_and(|own| same(own.as_bytes(), name.as_bytes()))
    }

    fn is_object(&self, text: Text<'_>) -> bool {
        text.get(self.value.at as usize) == Some(b'{')
    }
}

/// A field that may be there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Member<'t, 'a> {
    text: Text<'a>,
    /// The field, if it is there, and all that follow.
    fields: &'t [Field],
}

impl<'t, 'a> Member<'t, 'a> {
    /// Its value.
    pub(crate) fn value(self) -> Option<Raw<'a>> {
        Some(self.fields.first()?.value(self.text))
    }

    /// The text of a string.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        self.value()?.text()
    }

    /// The fields of an object.
    pub(crate) fn object(self) -> Option<Object<'t, 'a>> {
        let (field, inside) = self.noted()?;
        field.is_object(self.text).then_some(inside)
    }

    /// The field and what was noted in its value.
    fn noted(self) -> Option<(&'t Field, Object<'t, 'a>)> {
        let (field, behind) = self.fields.split_first()?;
        Some((field, Object { text: self.text, fields: behind.get(..field.inside as usize)? }))
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
    scanner: Scanner<'a>,
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let text = self.scanner.text;
        let (end, escaped) = self.scanner.value_end(self.at)?;
        let element = Raw { text, span: Span::new(self.at, end, escaped) };
        let next = text.space(end);
        // Where no comma follows, the array ends here, or is none.
        self.at = if text.get(next) == Some(b',') { text.space(next + 1) } else { text.bytes.len() };
        Some(element)
    }
}

/// How deep fields are noted; the deepest wanted are `Records[].Sns.MessageAttributes.traceparent.Value`. Also how deep
/// the reading recurses.
const LEVELS: usize = 5;
/// Bytes of a text; Lambda's largest event is of 6 MB.
const LONGEST_TEXT: usize = u32::MAX as usize / 2;
/// Bytes of a field that is noted, name and all: to make room once for those of most events …
const TYPICAL_FIELD: usize = 24;
/// … but not for those of an event that is large because of one body; and no more than allocators have at hand, which is
/// up to a kilobyte.
const MOST_AT_ONCE: usize = 42;
/// So many fields have room in what is kept for the next document: 24 KB.
const MOST_SPARED: usize = 1024;
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
        let items =
            |json: &'static str| Raw::whole(json.as_bytes()).and_then(Raw::items).map(Iterator::count);
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
    fn the_content_of_a_string_reads_as_it_does_unescaped() {
        let plain = r#" {
            "a" : { "text": "\"\\\\", "é\"" : [ "x\n", 2 , {"deep": null} ] },	"list":[{"n":-1},{"n":[["]}"]]}],
            "empty":{}, "none":[ ], "b":"" } "#;
        let escaped =
            plain.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n").replace('\t', r"\t");
        let (content, quoted) =
            (Document::whole(plain.as_bytes()).unwrap(), Document::quoted(escaped.as_bytes()).unwrap());
        for document in [content, quoted] {
            let a = document.root().object("a").unwrap();
            assert_eq!(a.text("text").as_deref(), Some("\"\\\\"));
            let list: Vec<_> = a.items("é\"").unwrap().map(|item| item.text()).collect();
            assert_eq!(list, [Some("x\n".into()), None, None]);
            let n = document.root().objects("list").and_then(|list| list.iter().next()?.get("n")?.integer());
            assert_eq!((n, document.root().text("b").as_deref()), (Some(-1), Some("")));
            assert_eq!(document.root().iter().count(), 5);
        }
        for unsound in [
            r"{",
            r#"{\"a\":1}x"#,
            r#"{\"a\" 1}"#,
            r#"{\\"a\":1}"#,
            r"{\u0022a\u0022:1}",
            r#"{\"\u0061\":1}"#,
        ] {
            assert!(Document::quoted(unsound.as_bytes()).is_none(), "{unsound}");
        }
    }

    #[test]
    fn an_object_of_a_million_fields_keeps_only_the_first_ones() {
        let json = format!("{{\"a\":1{}}}", ",\"x\":0".repeat(1_000_000));
        let object = Document::whole(json.as_bytes()).unwrap();
        assert_eq!((object.root().iter().count(), object.root().has("a")), (MOST_FIELDS, true));
        let within = format!(r#"{{"o":{json},"z":2}}"#);
        assert!(Document::whole(within.as_bytes()).unwrap().root().has("z"));
        assert!(Document::whole(&within.as_bytes()[..within.len() - 1]).is_none());
    }
}
