//! Writing large nested messages in one pass: lengths are filled in at the end, so nothing is moved twice.

use super::{WireType, tag, varint, varint_length};

/// A message under construction whose nested messages may be of any size and depth.
///
/// Lengths are not known while a message is open, so the bytes are collected without them; [`finish`](Self::finish)
/// copies everything once with the lengths between.
#[derive(Debug, Default)]
pub struct Tree {
    bytes: Vec<u8>,
    /// One per message, in the order of opening.
    lengths: Vec<Length>,
    /// The messages that are open, as indices into `lengths`.
    open: Vec<usize>,
    /// Bytes that the lengths of closed messages will take.
    prefixes: usize,
}

#[derive(Debug)]
struct Length {
    /// Where the body starts in `bytes`.
    at: usize,
    /// While the message is open, `prefixes` at its opening; then the length to write.
    value: usize,
}

impl Tree {
    /// An empty message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a nested message: what is written until the matching [`close`](Self::close) is its body.
    pub fn open(&mut self, number: u32) {
        tag(&mut self.bytes, number, WireType::Len);
        self.open.push(self.lengths.len());
        self.lengths.push(Length { at: self.bytes.len(), value: self.prefixes });
    }

    /// Closes the message that was opened last. Without an open one it does nothing.
    pub fn close(&mut self) {
        let Some(length) = self.open.pop().and_then(|index| self.lengths.get_mut(index)) else { return };
        length.value = self.bytes.len() - length.at + self.prefixes - length.value;
        self.prefixes += varint_length(length.value as u64);
    }

    /// Where fields of the innermost open message are appended.
    pub fn fields(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// How many messages are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// An upper bound of what [`finish`](Self::finish) would return, in bytes.
    pub fn size_at_most(&self) -> usize {
        // Five bytes hold any length up to 32 GiB.
        self.bytes.len() + self.prefixes + 5 * self.open.len()
    }

    /// Closes what is open and returns the encoded message.
    pub fn finish(mut self) -> Vec<u8> {
        while !self.open.is_empty() {
            self.close();
        }
        let mut out = Vec::with_capacity(self.bytes.len() + self.prefixes);
        let mut copied = 0;
        for Length { at, value } in self.lengths {
            out.extend_from_slice(&self.bytes[copied..at]);
            varint(&mut out, value as u64);
            copied = at;
        }
        out.extend_from_slice(&self.bytes[copied..]);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{bytes_field, message_field};

    #[test]
    fn nested_messages_equal_those_written_inside_out() {
        for length in [0, 100, 127, 128, 20_000] {
            let mut tree = Tree::new();
            tree.open(1);
            tree.open(2);
            bytes_field(tree.fields(), 3, &vec![7; length]);
            tree.close();
            tree.open(2);
            tree.close();
            bytes_field(tree.fields(), 4, b"tail");
            let bound = tree.size_at_most();
            let mut plain = Vec::new();
            message_field(&mut plain, 1, |out| {
                message_field(out, 2, |out| bytes_field(out, 3, &vec![7; length]));
                message_field(out, 2, |_| ());
                bytes_field(out, 4, b"tail");
            });
            assert!(bound >= plain.len());
            assert_eq!(tree.finish(), plain, "{length}");
        }
    }
}
