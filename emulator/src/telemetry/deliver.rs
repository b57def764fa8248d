//! One subscription's deliveries: batches close on the first of items, bytes and time, and are posted one at a time.

use super::{Category, Entry, Hub, Subscription};
use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::{
    io,
    sync::{Arc, Weak},
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep, sleep_until},
};

pub(crate) enum Item {
    Event(Arc<Entry>),
    /// Send what there is; the answer says that it went.
    Flush(oneshot::Sender<()>),
}

/// Delivers until the subscription is dropped.
pub(crate) async fn run(
    subscription: Subscription,
    lines_as_objects: bool,
    mut events: mpsc::UnboundedReceiver<Item>,
    mut gate: watch::Receiver<bool>,
    hub: Weak<Hub>,
) {
    let mut client = Client { port: subscription.port, path: subscription.path.clone(), connection: None };
    let mut batch = Batch::default();
    loop {
        let mut flushed = None;
        let item = tokio::select! {
            item = events.recv() => item,
            () = due(batch.closes), if !batch.events.is_empty() => Some(Item::Flush(oneshot::channel().0)),
        };
        match item {
            None => return,
            Some(Item::Event(entry)) => {
                batch.push(entry.render(lines_as_objects), subscription.timeout);
                if batch.events.len() < subscription.max_items && batch.bytes < subscription.max_bytes {
                    continue;
                }
            }
            Some(Item::Flush(done)) => flushed = Some(done),
        }
        if !batch.events.is_empty() {
            let full = std::mem::take(&mut batch);
            let (records, bytes) = (full.events.len(), full.bytes);
            if let Err(why) = client.deliver(full, &mut gate).await
                && let Some(hub) = hub.upgrade()
            {
                let record = json!({ "reason": why, "droppedRecords": records, "droppedBytes": bytes });
                hub.emit(Category::Platform, "platform.logsDropped", record);
            }
        }
        if let Some(done) = flushed {
            let _ = done.send(());
        }
    }
}

#[derive(Default)]
struct Batch {
    events: Vec<Value>,
    bytes: usize,
    closes: Option<Instant>,
}

impl Batch {
    fn push(&mut self, event: Value, timeout: Duration) {
        self.bytes += event.to_string().len();
        self.events.push(event);
        self.closes.get_or_insert_with(|| Instant::now() + timeout);
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

struct Client {
    port: u16,
    path: String,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// Posts a batch until it is taken, with a growing wait between tries; gives up in the end and says why.
    async fn deliver(&mut self, batch: Batch, gate: &mut watch::Receiver<bool>) -> Result<(), String> {
        let body = Bytes::from(Value::Array(batch.events).to_string());
        let mut why = String::new();
        for wait in TRIES {
            sleep(Duration::from_millis(wait)).await;
            // Nothing leaves a frozen environment.
            if gate.wait_for(|open| *open).await.is_err() {
                return Err("the environment is gone".to_owned());
            }
            match self.post(body.clone()).await {
                Ok(status) if (200..300).contains(&status) => return Ok(()),
                Ok(status) => why = format!("status {status}"),
                Err(error) => {
                    self.connection = None;
                    why = error.to_string();
                }
            }
        }
        Err(format!("could not send events: {why}"))
    }

    async fn post(&mut self, body: Bytes) -> io::Result<u16> {
        let mut connection = match self.connection.take().filter(|connection| !connection.is_closed()) {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await.map_err(io::Error::other)?;
        let request = http::Request::post(&self.path)
            .header("host", format!("sandbox.localdomain:{}", self.port))
            .header("content-type", "application/json")
            .body(Full::new(body))
            .map_err(io::Error::other)?;
        let response = connection.send_request(request).await.map_err(io::Error::other)?;
        let status = response.status().as_u16();
        http_body_util::BodyExt::collect(response.into_body()).await.map_err(io::Error::other)?;
        self.connection = Some(connection);
        Ok(status)
    }

    async fn connect(&self) -> io::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        tokio::spawn(connection);
        Ok(sender)
    }
}

/// Milliseconds to wait before each try. The service's own timing is not documented.
const TRIES: [u64; 6] = [0, 10, 50, 200, 500, 1000];
