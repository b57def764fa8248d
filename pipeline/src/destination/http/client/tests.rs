//! Names that lead elsewhere after a while.

use std::{
    iter,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    task::JoinSet,
};

use super::{super::HttpClient, Clients};
use crate::destination::http::Transport;

/// Where the one name leads now, and how often that was asked.
#[derive(Clone)]
pub(in crate::destination::http) struct Names(Arc<(Mutex<SocketAddr>, AtomicUsize)>);

impl Names {
    fn lead_to(&self, server: &Server) {
        *self.0.0.lock().unwrap() = server.address;
    }

    fn asked(&self) -> usize {
        self.0.1.load(Relaxed)
    }
}

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        self.0.1.fetch_add(1, Relaxed);
        let addresses: Addrs = Box::new(iter::once(*self.0.0.lock().unwrap()));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

/// Takes whatever comes, and closes its connections when it is dropped.
struct Server {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    _running: JoinSet<()>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, requests) = (listener.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
        let (mut running, count) = (JoinSet::new(), Arc::clone(&requests));
        running.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                connections.spawn(async move {
                    let mut read = vec![0; 4096];
                    // Its requests are short: each comes in one piece.
                    while stream.read(&mut read).await.is_ok_and(|length| length > 0) {
                        count.fetch_add(1, Relaxed);
                        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    }
                });
            }
        });
        Self { address, requests, _running: running }
    }

    fn requests(&self) -> usize {
        self.requests.load(Relaxed)
    }
}

static NOW: AtomicU64 = AtomicU64::new(1_000_000);

#[tokio::test]
async fn a_name_that_leads_elsewhere_is_asked_for_with_every_new_connection_and_costs_no_request() {
    let first = Server::start().await;
    let names = Names(Arc::new((Mutex::new(first.address), AtomicUsize::new(0))));
    let mut clients = Clients::new(Transport::default(), None);
    clients.names = Some(names.clone());
    clients.clock = || Duration::from_secs(NOW.load(Relaxed));
    let http = HttpClient { clients, clock: || Duration::ZERO };
    let sent = async || {
        let url = "http://collector.example/v1/traces";
        http.request(Method::POST, url, HeaderMap::new(), Bytes::from_static(b"spans")).await.unwrap().status
    };
    assert_eq!((sent().await.as_u16(), sent().await.as_u16()), (200, 200));
    assert_eq!((first.requests(), names.asked()), (2, 1), "one connection");

    // While we are frozen the one moves to another address, and its connections are closed.
    let second = Server::start().await;
    names.lead_to(&second);
    drop(first);
    assert_eq!(sent().await.as_u16(), 200, "not even a retry to be waited for");
    assert_eq!((second.requests(), names.asked()), (1, 2));

    // The other is still there, and its connection open, when minutes of a freeze are over.
    let third = Server::start().await;
    names.lead_to(&third);
    assert_eq!(sent().await.as_u16(), 200);
    assert_eq!((second.requests(), third.requests()), (2, 0), "a connection that works is kept");
    NOW.fetch_add(600, Relaxed);
    assert_eq!(sent().await.as_u16(), 200);
    assert_eq!((second.requests(), third.requests(), names.asked()), (2, 1, 3), "one that idled is not");
}
