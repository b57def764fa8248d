//! Letters read back, put together and delivered.

use std::{
    collections::BTreeMap,
    fmt,
    io::{self, Read as _},
};

use flate2::read::GzDecoder;
use serde_json::Value;
use spanlayer_otlp::{Signal, json::text::unbase64};

use super::line::name;
use crate::{
    Batch, Deadline, Destination, Outcome, Payload, Settings, batch::Part as BatchPart, compose,
    export::AnyExport, queue::Rank, settings::STDOUT_MARKER,
};

/// What all lines of a letter say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Letter {
    /// The batch's `Idempotency-Key`.
    pub key: String,
    /// For whom it was.
    pub destination: String,
    /// Why it was not delivered.
    pub reason: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it became a dead letter, in Unix milliseconds.
    pub at: u64,
    /// When the oldest of it had come in, in Unix milliseconds.
    pub received: u64,
    /// What it is a request of.
    pub signal: Signal,
    /// Spans, data points or log records in it.
    pub items: u64,
    data: Vec<u8>,
}

/// One line of a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    letter: Letter,
    number: u64,
    of: u64,
}

impl Part {
    /// Finds a letter's line in a line of text; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When it is one, and cut off or damaged.
    pub fn find(line: &str) -> Option<Result<Self, String>> {
        let from = line.find(STDOUT_MARKER)?;
        let text = line[from..].trim_end();
        // Behind the version; in bytes, since a character of somebody else's may lie across the end.
        let head = &text.as_bytes()[..text.len().min(120)];
        if !head.windows(MEMBER.len()).any(|there| there == MEMBER) {
            return None;
        }
        let parsed = serde_json::Deserializer::from_str(text).into_iter::<Value>().next();
        let value = match parsed {
            Some(Ok(value)) => value,
            _ => return Some(Err("a line of a dead letter is cut off or damaged".to_owned())),
        };
        Some(
            Self::read(&value["deadLetter"])
                .ok_or_else(|| "a line of a dead letter lacks something".to_owned()),
        )
    }

    fn read(of: &Value) -> Option<Self> {
        let text = |member: &str| of[member].as_str().map(str::to_owned);
        let number = |member: &str| of[member].as_u64();
        let signal = Signal::ALL.into_iter().find(|signal| of["signal"].as_str() == Some(name(*signal)))?;
        let (part, parts) = (number("part")?, number("parts")?);
        let letter = Letter {
            key: text("key").filter(|key| !key.is_empty())?,
            destination: text("destination")?,
            reason: text("reason")?,
            attempts: number("attempts")?,
            at: number("at")?,
            received: number("received")?,
            signal,
            items: number("items")?,
            data: unbase64(of["data"].as_str()?)?,
        };
        (1..=parts).contains(&part).then_some(Self { letter, number: part, of: parts })
    }

    /// The letter's key.
    pub fn key(&self) -> &str {
        &self.letter.key
    }
}

/// Lines of letters in any order, also twice, put together.
#[derive(Debug, Default)]
pub struct Pile {
    parts: BTreeMap<(u64, String), BTreeMap<u64, Part>>,
}

impl Pile {
    /// Adds a line.
    pub fn add(&mut self, part: Part) {
        let letter = (part.letter.at, part.letter.key.clone());
        self.parts.entry(letter).or_default().insert(part.number, part);
    }

    /// The letters that are whole, oldest first; and of those that are not, the key, how many lines are missing, and
    /// how many there are to be.
    pub fn sort(self) -> (Vec<Letter>, Vec<(String, u64, u64)>) {
        let (mut whole, mut torn) = (Vec::new(), Vec::new());
        for ((_, key), parts) in self.parts {
            let (of, there) = (parts.values().next().map_or(0, |part| part.of), parts.len() as u64);
            if there < of {
                torn.push((key, of - there, of));
                continue;
            }
            let mut parts = parts.into_values();
            let Some(first) = parts.next() else { continue };
            let mut letter = first.letter;
            parts.for_each(|part| letter.data.extend_from_slice(&part.letter.data));
            whole.push(letter);
        }
        (whole, torn)
    }
}

impl Letter {
    /// The batch as it was, under its key.
    ///
    /// # Errors
    ///
    /// When the data is not what was written.
    pub fn batch(&self) -> io::Result<Batch> {
        let mut request = Vec::new();
        GzDecoder::new(&*self.data).take(LARGEST).read_to_end(&mut request)?;
        let payload = Payload::scan(self.signal, request.into()).map_err(io::Error::other)?;
        let part = BatchPart::whole(Rank::of(&payload, 0), &payload);
        Ok(Batch::form_keyed(self.signal, self.key.clone(), vec![part]))
    }
}

/// Takes letters to a destination, with the attempts and waits that a pipeline makes.
pub struct Courier(Box<dyn AnyExport>);

impl fmt::Debug for Courier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Courier")
    }
}

impl Courier {
    /// To this destination.
    pub fn to(destination: &Destination) -> Self {
        Self(compose::alone(destination, &Settings::default()))
    }

    /// Delivers a batch, or says why not.
    pub async fn deliver(&self, batch: Batch, by: Deadline) -> Outcome {
        self.0.export_boxed(batch, by).await
    }
}

/// Tells a letter's line from our others.
const MEMBER: &[u8] = b"\"deadLetter\":";

/// What a request may hold, decoded.
const LARGEST: u64 = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compression, letters::line, stage::scripted::spans};

    async fn written(count: usize, reason: &str) -> (Batch, String) {
        let batch = Batch::of([spans(count, "m", true)]).unwrap();
        let data = batch.encoded(Compression::GZIP).await.unwrap();
        let about = line::About {
            key: batch.idempotency_key(),
            destination: "https://otlp.example.com",
            reason,
            attempts: 2,
            at: 2000,
            received: 1000,
            signal: Signal::Traces,
            items: count,
        };
        let lines = line::lines(&about, &data);
        (batch, lines)
    }

    #[tokio::test]
    async fn a_letter_is_read_back_from_between_other_lines() {
        let (batch, lines) = written(3, "400 \"bad\"\nrequest").await;
        assert_eq!(lines.lines().count(), 1);
        let inside = format!("2026-11-26T10:00:00Z\t{lines}");
        let mut pile = Pile::default();
        pile.add(Part::find(&inside).unwrap().unwrap());
        assert!(Part::find("START RequestId: 1").is_none());
        assert!(Part::find(r#"{"spanlayer":"0.1.0","resourceSpans":[]}"#).is_none());
        assert!(Part::find(&lines[..lines.len() / 2]).unwrap().is_err());
        let strange = format!("{}{}", &lines[..119], "✓".repeat(30));
        assert!(Part::find(&strange).unwrap().is_err());
        let (letters, torn) = pile.sort();
        assert!(torn.is_empty());
        assert_eq!(
            (letters[0].items, letters[0].attempts, &*letters[0].reason),
            (3, 2, "400 \"bad\"\nrequest")
        );
        let again = letters[0].batch().unwrap();
        assert_eq!((again.request(), again.idempotency_key()), (batch.request(), batch.idempotency_key()));
    }

    #[test]
    fn a_large_letter_takes_several_lines_in_any_order_and_a_missing_one_is_told() {
        let about = line::About {
            key: "k",
            destination: "d",
            reason: &"long ".repeat(1000),
            attempts: 1,
            at: 1,
            received: 1,
            signal: Signal::Logs,
            items: 1,
        };
        let data: Vec<u8> = (0..400_000u32).map(|byte| byte as u8).collect();
        let lines = line::lines(&about, &data);
        assert!(lines.lines().all(|line| line.len() <= 200_000) && lines.lines().count() == 3);
        let mut pile = Pile::default();
        lines.lines().rev().for_each(|line| pile.add(Part::find(line).unwrap().unwrap()));
        assert_eq!(pile.sort().0[0].data, data);
        let mut pile = Pile::default();
        lines.lines().skip(1).for_each(|line| pile.add(Part::find(line).unwrap().unwrap()));
        assert_eq!(pile.sort().1, [("k".to_owned(), 1, 3)]);
    }
}
