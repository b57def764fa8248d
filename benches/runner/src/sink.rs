//! A destination that takes everything and keeps nothing but counts: under a load of hundreds of thousands of spans
//! per second, one that decoded and kept them would compete with what is measured for the cores.

use flate2::bufread::GzDecoder;
use spanlayer_host::clock;
use spanlayer_otlp::{Signal, scan};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};

/// The destination, for the life of the process.
pub(crate) struct Sink {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    spans: AtomicU64,
    bytes: AtomicU64,
    nanos: AtomicU64,
}

impl Sink {
    pub(crate) fn start() -> io::Result<Self> {
        Self::slow(Duration::ZERO)
    }

    /// One that takes this long to answer.
    pub(crate) fn slow(wait: Duration) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let counts = Arc::clone(&shared);
                // A connection that breaks is the client's to reopen.
                thread::spawn(move || drop(serve(stream, &counts, wait)));
            }
        });
        Ok(Self { address, counts })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Spans delivered so far.
    pub(crate) fn spans(&self) -> u64 {
        self.counts.spans.load(Ordering::Relaxed)
    }

    /// How long requests took here in all, from the last byte in to the first byte out.
    pub(crate) fn spent(&self) -> Duration {
        Duration::from_nanos(self.counts.nanos.load(Ordering::Relaxed))
    }

    /// Bytes of bodies as they came over the wire.
    pub(crate) fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::Relaxed)
    }
}

fn serve(stream: TcpStream, counts: &Counts, wait: Duration) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::with_capacity(64 << 10, stream);
    let (mut body, mut plain) = (Vec::new(), Vec::new());
    while let Some(head) = head(&mut stream)? {
        body.clear();
        (&mut stream).take(head.length).read_to_end(&mut body)?;
        let start = clock::monotonic();
        plain.clear();
        let request = match &*head.encoding {
            "gzip" => {
                GzDecoder::new(&body[..]).read_to_end(&mut plain)?;
                &plain
            }
            "zstd" => {
                zstd::stream::copy_decode(&body[..], &mut plain)?;
                &plain
            }
            _ => &body,
        };
        let spans = scan(Signal::Traces, request).map_err(io::Error::other)?.items;
        counts.spans.fetch_add(spans as u64, Ordering::Relaxed);
        counts.bytes.fetch_add(head.length, Ordering::Relaxed);
        thread::sleep(wait.saturating_sub(start.elapsed()));
        counts.nanos.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        // An empty ExportTraceServiceResponse is no bytes at all.
        stream.get_mut().write_all(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n",
        )?;
    }
    Ok(())
}

/// What matters of a request's head.
#[derive(Default)]
struct Head {
    length: u64,
    encoding: String,
}

/// Reads a request's head; `None` when the client has closed.
fn head(stream: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut head = Head::default();
    let mut line = String::new();
    let mut first = true;
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return if first { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        first = false;
        let text = line.trim_end();
        if text.is_empty() {
            return Ok(Some(head));
        }
        match text.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                head.length =
                    value.trim().parse().map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            }
            Some((name, value)) if name.eq_ignore_ascii_case("content-encoding") => {
                head.encoding = value.trim().to_owned();
            }
            Some((name, _)) if name.eq_ignore_ascii_case("transfer-encoding") => {
                return Err(io::Error::other("the sink reads bodies of a stated length only"));
            }
            _ => {}
        }
    }
}
