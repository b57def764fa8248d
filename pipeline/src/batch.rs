//! A batch: payloads of one signal that go out as one request, encoded once per encoding.

use std::{
    fmt::{Display, Write as _},
    io,
    sync::{
        self, Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

use bytes::Bytes;
use spanlayer_host::random;
use spanlayer_otlp::{
    Signal, Summary, json,
    merge::{concat, gather},
    scan,
};
use tokio::{sync::OnceCell, time::Instant};

use crate::{
    Compression, Encoding, Payload,
    encode::{Format, encode, encode_pieces},
    ending::Seen,
    queue::Rank,
};

/// Payloads of one signal, formed into one request. Once formed it never changes: a retry sends the same bytes under
/// the same key. Cloning shares everything.
#[derive(Clone, Debug)]
pub struct Batch(Arc<Formed>, Option<Arc<Seen>>);

#[derive(Debug)]
struct Formed {
    signal: Signal,
    key: String,
    /// The batch that this one was made of by a stage, if it was.
    origin: Option<sync::Weak<Formed>>,
    parts: Vec<Part>,
    items: usize,
    bytes: usize,
    oldest: Instant,
    /// How often a lane tried to deliver it.
    attempts: AtomicU32,
    /// The lanes that sent it, as the spool knows them.
    sent: AtomicU64,
    /// One cell per encoding that somebody asked for. There are one or two.
    encodings: Mutex<Vec<(Encoding, Arc<OnceCell<Encoded>>)>>,
}

/// A request's bytes, and how many they were before compression.
type Encoded = (Bytes, usize);

impl Batch {
    /// Forms a batch of payloads, which must be of one signal. Pipelines form their own; this is for those who write an
    /// [`Export`](crate::Export) and want to try it. `None` if there are no payloads, or of several signals.
    pub fn of(payloads: impl IntoIterator<Item = Payload>) -> Option<Self> {
        let payloads: Vec<Payload> = payloads.into_iter().collect();
        let signal = payloads.first()?.signal();
        let parts = (0..).zip(&payloads).map(|(seq, payload)| Part::whole(Rank::of(payload, seq), payload));
        payloads.iter().all(|p| p.signal() == signal).then(|| Self::form(signal, parts.collect()))
    }

    /// Forms a batch and draws its key.
    pub(crate) fn form(signal: Signal, parts: Vec<Part>) -> Self {
        let key = random::bytes::<16>().iter().fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}"); // writing to a string cannot fail
            hex
        });
        Self::form_keyed(signal, key, parts)
    }

    /// The batch that was formed under this key.
    pub(crate) fn form_keyed(signal: Signal, key: String, parts: Vec<Part>) -> Self {
        Self::form_of(None, signal, key, parts)
    }

    /// A batch made of this one.
    fn made(&self, key: String, parts: Vec<Part>) -> Self {
        Self::form_of(Some(self.origin().0), self.signal(), key, parts)
    }

    fn form_of(origin: Option<sync::Weak<Formed>>, signal: Signal, key: String, parts: Vec<Part>) -> Self {
        let items = parts.iter().map(|part| part.summary.items).sum();
        let bytes = parts.iter().map(|part| part.bytes.len()).sum();
        let oldest = parts.iter().map(|part| part.received).min().unwrap_or_else(Instant::now);
        let formed = Formed {
            signal,
            key,
            origin,
            parts,
            items,
            bytes,
            oldest,
            attempts: AtomicU32::new(0),
            sent: AtomicU64::new(0),
            encodings: Mutex::default(),
        };
        Self(Arc::new(formed), None)
    }

    /// The same under another key.
    pub(crate) fn keyed(&self, key: String) -> Self {
        self.made(key, self.0.parts.clone())
    }

    /// A part of this batch as a request of its own, under a key made of its own key and what tells the part from others.
    pub(crate) fn holding(&self, request: Bytes, part: impl Display) -> Self {
        let key = format!("{}-{part}", self.0.key);
        let summary = scan(self.signal(), &request).unwrap_or_default();
        let part = Part { bytes: request, summary, ..self.as_one() };
        self.made(key, vec![part])
    }

    /// Batches of these parts, under keys that are told from this one and their places.
    pub(crate) fn divided(&self, parts: Vec<Vec<Part>>) -> Vec<Self> {
        let keyed = |(n, parts)| self.made(format!("{}-{n}", self.0.key), parts);
        (1..).zip(parts).map(keyed).collect::<Vec<Self>>()
    }

    /// All that is in it as one part.
    pub(crate) fn as_one(&self) -> Part {
        match self.0.parts.as_slice() {
            [only] => only.clone(),
            parts => {
                let bytes = self.request();
                let summary = scan(self.signal(), &bytes).unwrap_or_default();
                let rank = parts.iter().map(|part| part.rank).min().unwrap_or(Rank::FIRST);
                Part { rank, bytes, summary, received: self.0.oldest, whole: false }
            }
        }
    }

    /// One batch of several, which must be of one signal.
    pub(crate) fn joined(signal: Signal, batches: impl IntoIterator<Item = Self>) -> Self {
        Self::form(signal, batches.into_iter().flat_map(|batch| batch.0.parts.clone()).collect())
    }

    /// The signal of every payload in it.
    pub fn signal(&self) -> Signal {
        self.0.signal
    }

    /// Spans, data points or log records in it.
    pub fn items(&self) -> usize {
        self.0.items
    }

    /// Bytes of its payloads as they came in, uncompressed.
    pub fn bytes(&self) -> usize {
        self.0.bytes
    }

    /// When its oldest payload came in.
    pub fn oldest(&self) -> Instant {
        self.0.oldest
    }

    /// 32 hexadecimal digits, drawn when the batch was formed: the same for every attempt to deliver it, so that a
    /// destination can tell a repetition from a second batch (the `Idempotency-Key` header). What a stage made of a part
    /// of a batch has that batch's key, followed by what tells it from other parts.
    pub fn idempotency_key(&self) -> &str {
        &self.0.key
    }

    /// The request as one piece of protobuf: the payloads joined, equal neighbouring resources merged.
    pub fn request(&self) -> Bytes {
        match self.0.parts.as_slice() {
            [only] => only.bytes.clone(),
            parts => {
                let pieces: Vec<&[u8]> = parts.iter().map(|part| &*part.bytes).collect();
                let mut whole = Vec::new();
                concat(self.0.signal, &pieces, &mut whole);
                whole.into()
            }
        }
    }

    /// The request in this encoding (a [`Compression`] alone stands for protobuf): made at the first call, the same
    /// bytes from then on, for everyone who asks for it. Long work yields to other tasks every so often.
    ///
    /// # Errors
    ///
    /// When the compressor gives up, which it has no reason to.
    pub async fn encoded(&self, encoding: impl Into<Encoding>) -> io::Result<Bytes> {
        self.encoded_from(encoding.into()).await.map(|(body, _)| body)
    }

    /// [`encoded`](Self::encoded), and how many bytes that were before compression.
    pub(crate) async fn encoded_from(&self, encoding: Encoding) -> io::Result<Encoded> {
        if encoding == Compression::None.into() && self.0.parts.len() == 1 {
            return Ok((self.request(), self.0.bytes)); // nothing to keep: the payload is the request
        }
        let cell = self.cell(encoding);
        cell.get_or_try_init(|| self.encode(encoding)).await.cloned()
    }

    async fn encode(&self, encoding: Encoding) -> io::Result<Encoded> {
        match encoding.format {
            Format::Protobuf => {
                let parts: Vec<&[u8]> = self.0.parts.iter().map(|part| &*part.bytes).collect();
                let pieces = gather(self.signal(), &parts);
                let before = pieces.iter().map(|piece| piece.len()).sum();
                Ok((encode_pieces(encoding.compression, &pieces).await?, before))
            }
            Format::Json => {
                let json = json::from_protobuf(self.signal(), &self.request()).map_err(io::Error::other)?;
                let before = json.len();
                Ok((encode(encoding.compression, json.into()).await?, before))
            }
        }
    }

    fn cell(&self, encoding: Encoding) -> Arc<OnceCell<Encoded>> {
        let mut cells = self.0.encodings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, cell)) = cells.iter().find(|(made, _)| *made == encoding) {
            return Arc::clone(cell);
        }
        let cell = Arc::default();
        cells.push((encoding, Arc::clone(&cell)));
        cell
    }

    pub(crate) fn attempted(&self) {
        self.0.attempts.fetch_add(1, Relaxed);
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.0.attempts.load(Relaxed)
    }

    /// Notes that a lane, by its bit, sends it; whether it has done so before.
    pub(crate) fn sent(&self, lane: u64) -> bool {
        self.0.sent.fetch_or(lane, Relaxed) & lane != 0
    }

    pub(crate) fn seen(&self) -> Option<&Arc<Seen>> {
        self.1.as_ref()
    }

    pub(crate) fn seen_by(&self, seen: &Arc<Seen>) -> Self {
        Self(Arc::clone(&self.0), Some(Arc::clone(seen)))
    }

    pub(crate) fn parts(&self) -> &[Part] {
        &self.0.parts
    }

    pub(crate) fn ranks(&self) -> impl Iterator<Item = Rank> {
        self.0.parts.iter().map(|part| part.rank)
    }

    /// The batch that stages made this one of: for as long as a sender has that, this one may be made of it again.
    pub(crate) fn origin(&self) -> Weak {
        Weak(self.0.origin.clone().unwrap_or_else(|| Arc::downgrade(&self.0)))
    }

    pub(crate) fn downgrade(&self) -> Weak {
        Weak(Arc::downgrade(&self.0))
    }
}

/// A batch that somebody else may still hold.
#[derive(Debug)]
pub(crate) struct Weak(sync::Weak<Formed>);

impl Weak {
    pub(crate) fn upgrade(&self) -> Option<Batch> {
        self.0.upgrade().map(|formed| Batch(formed, None))
    }
}

/// What a batch has of one payload: the whole of it, or a piece where the payload had to be split.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) rank: Rank,
    pub(crate) bytes: Bytes,
    pub(crate) summary: Summary,
    pub(crate) received: Instant,
    /// All of the payload.
    pub(crate) whole: bool,
}

impl Part {
    pub(crate) fn whole(rank: Rank, payload: &Payload) -> Self {
        Self {
            rank,
            bytes: payload.bytes().clone(),
            summary: payload.summary(),
            received: payload.received(),
            whole: true,
        }
    }

    /// A piece of this part. Pieces never share a batch: what shares one are whole payloads.
    pub(crate) fn piece(&self, bytes: Bytes, summary: Summary) -> Self {
        Self { bytes, summary, rank: self.rank, received: self.received, whole: false }
    }
}
