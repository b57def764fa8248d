//! Connections, with TLS or without, and how many of them are gone.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::watch,
};
use tokio_rustls::{TlsAcceptor, rustls::ServerConfig, server::TlsStream};

/// The server's end of a connection.
pub(crate) trait Connection: AsyncRead + AsyncWrite + Unpin + Send + 'static {
    /// Ends it without a word.
    fn reset(self: Box<Self>);
}

impl Connection for TcpStream {
    fn reset(self: Box<Self>) {
        self.set_zero_linger().unwrap();
    }
}

impl Connection for TlsStream<TcpStream> {
    fn reset(self: Box<Self>) {}
}

#[derive(Clone)]
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    /// How many connections are gone.
    closed: watch::Sender<usize>,
}

impl Listening {
    /// Serves every connection, numbered from 0.
    pub(crate) async fn start<F: Future<Output = ()> + Send + 'static>(
        tls: Option<ServerConfig>,
        serve: impl Fn(usize, Box<dyn Connection>) -> F + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let listening = Self { address: listener.local_addr().unwrap(), closed: watch::Sender::new(0) };
        let (closed, serve) = (listening.closed.clone(), Arc::new(serve));
        let tls = tls.map(|config| TlsAcceptor::from(Arc::new(config)));
        tokio::spawn(async move {
            for connection in 0.. {
                let (stream, _) = listener.accept().await.unwrap();
                let (serve, tls, closed) = (Arc::clone(&serve), tls.clone(), closed.clone());
                tokio::spawn(async move {
                    let stream: Box<dyn Connection> = match tls {
                        // A handshake that fails is the client's right.
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                        None => Box::new(stream),
                    };
                    serve(connection, stream).await;
                    closed.send_modify(|closed| *closed += 1);
                });
            }
        });
        listening
    }

    /// Waits until this many connections are gone.
    pub(crate) async fn closed(&self, connections: usize) {
        self.closed.subscribe().wait_for(|closed| *closed >= connections).await.unwrap();
    }
}
