//! Attributes of a record: found and replaced by key. They are kept encoded, each as it came, until it is changed.

use super::{
    Field, Held, Record, Value,
    value::{split_pair, write_pair},
};
use spanlayer_otlp::wire::Fields;

/// The attributes of one record: the field of this number.
#[derive(Debug)]
pub struct Attributes<'r> {
    record: &'r mut Record,
    number: u32,
}

impl Record {
    /// The attributes in the field of this number.
    pub const fn attributes(&mut self, number: u32) -> Attributes<'_> {
        Attributes { record: self, number }
    }

    /// The value of an attribute; nil if it is not there.
    pub fn attribute(&self, number: u32, key: &str) -> Value {
        let mut pairs = self.pairs(number);
        pairs
            .find(|(name, _)| *name == key.as_bytes())
            .map(|(_, value)| Value::read(value))
            .unwrap_or_default()
    }

    fn pairs(&self, number: u32) -> impl Iterator<Item = (&[u8], &[u8])> {
        let of_number = self.fields.iter().filter(move |field| field.number == number);
        of_number.filter_map(|field| field.held.bytes()).map(|bytes| split_pair(bytes))
    }

    /// All attributes, as a map.
    pub fn attribute_map(&self, number: u32) -> Value {
        let pairs = self.pairs(number);
        let read =
            |(key, value): (&[u8], &[u8])| (String::from_utf8_lossy(key).into_owned(), Value::read(value));
        Value::Map(pairs.map(read).collect())
    }
}

impl Attributes<'_> {
    /// The value; `None` if it is not there.
    pub fn get(&self, key: &str) -> Option<Value> {
        let mut pairs = self.record.pairs(self.number);
        pairs.find(|(name, _)| *name == key.as_bytes()).map(|(_, value)| Value::read(value))
    }

    /// Sets a value; adds it if it is not there.
    pub fn set(&mut self, key: &str, value: &Value) {
        let mut out = Vec::new();
        write_pair(&mut out, self.number, key, value);
        // The body alone: the record writes the key and the length itself.
        let out = bytes::Bytes::from(out);
        let body = Fields::new(&out).map_while(Result::ok).find_map(|field| field.bytes());
        let held = Held::Bytes(body.map(|body| out.slice_ref(body)).unwrap_or_default());
        match self.place(key) {
            Some(at) => self.record.fields[at].held = held,
            None => self.record.fields.push(Field { number: self.number, held }),
        }
    }

    /// Takes those out that the test does not want to keep, by key. How many went.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) -> usize {
        let before = self.record.fields.len();
        self.record.fields.retain(|field| {
            let bytes = field.held.bytes().filter(|_| field.number == self.number);
            bytes.is_none_or(|bytes| keep(str::from_utf8(split_pair(bytes).0).unwrap_or_default()))
        });
        before - self.record.fields.len()
    }

    /// Those whose value takes more than so many bytes.
    pub(crate) fn longer_than(&self, most: usize) -> Vec<(String, Value)> {
        let pairs = self.record.pairs(self.number).filter(|(_, value)| value.len() > most);
        pairs.map(|(key, value)| (String::from_utf8_lossy(key).into_owned(), Value::read(value))).collect()
    }

    /// Takes those out that somebody knows something of.
    pub(crate) fn take<T>(&mut self, mut known: impl FnMut(&str) -> Option<T>) -> Vec<(T, Value)> {
        let mut taken = Vec::new();
        self.record.fields.retain(|field| {
            let Some(bytes) = field.held.bytes().filter(|_| field.number == self.number) else { return true };
            let (key, value) = split_pair(bytes);
            let found = known(str::from_utf8(key).unwrap_or_default());
            let stays = found.is_none();
            taken.extend(found.map(|found| (found, Value::read(value))));
            stays
        });
        taken
    }

    /// Takes one out. Whether it was there.
    pub fn remove(&mut self, key: &str) -> bool {
        self.retain(|name| name != key) > 0
    }

    /// Puts these in the place of all.
    pub fn replace(&mut self, entries: &[(String, Value)]) {
        self.record.remove(self.number);
        entries.iter().for_each(|(key, value)| self.set(key, value));
    }

    /// All of them.
    pub fn entries(&self) -> Vec<(String, Value)> {
        match self.record.attribute_map(self.number) {
            Value::Map(entries) => entries,
            _ => Vec::new(),
        }
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.record.fields.iter().position(|field| {
            let bytes = field.held.bytes().filter(|_| field.number == self.number);
            bytes.is_some_and(|bytes| split_pair(bytes).0 == key.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_set_replaced_and_taken_out() {
        let mut record = Record::default();
        record.set_bytes(5, "name");
        let mut attributes = record.attributes(9);
        attributes.set("a", &Value::Int(1));
        attributes.set("b", &Value::Text("x".into()));
        attributes.set("a", &Value::Bool(true));
        assert_eq!(attributes.get("a"), Some(Value::Bool(true)));
        assert_eq!(attributes.entries().len(), 2);
        assert!(attributes.remove("a") && !attributes.remove("a"));
        let again = Record::open(&record.encode().into());
        assert_eq!((again.text(5), again.attribute(9, "b")), ("name", Value::Text("x".into())));
        assert_eq!(again.attribute(9, "a"), Value::Nil);
    }
}
