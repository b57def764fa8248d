//! The APIs that processes of the environment call, on one port of the loopback.

mod body;
mod extensions;
mod reply;
mod runtime;
mod telemetry;

use crate::{environment::Environment, lifecycle::SNAP_START};
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use std::{convert::Infallible, sync::Arc};
use tokio::net::TcpListener;

type Reply = Response<Full<Bytes>>;

/// Serves until the task is dropped.
pub(crate) async fn serve(listener: TcpListener, environment: Arc<Environment>) {
    while let Ok((stream, _)) = listener.accept().await {
        // Benches measure microseconds here.
        let _ = stream.set_nodelay(true);
        let environment = environment.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let environment = environment.clone();
                async move { Ok::<_, Infallible>(route(&environment, request).await) }
            });
            // A client that hangs up is gone; there is nobody to tell.
            let _ = http1::Builder::new()
                .title_case_headers(true)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn route(environment: &Arc<Environment>, request: Request<Incoming>) -> Reply {
    let path = request.uri().path().to_owned();
    let Some(path) = path.strip_prefix(environment.settings.api_path.as_str()) else {
        return reply::not_found();
    };
    let words: Vec<&str> = path.split('/').skip(1).collect();
    let get = request.method() == Method::GET;
    let post = request.method() == Method::POST;
    let put = request.method() == Method::PUT;
    match words.as_slice() {
        ["2018-06-01", "runtime", "invocation", "next"] if get => runtime::next(environment).await,
        ["2018-06-01", "runtime", "invocation", id, "response"] if post => {
            runtime::response(environment, id, request).await
        }
        ["2018-06-01", "runtime", "invocation", id, "error"] if post => {
            runtime::error(environment, id, request).await
        }
        ["2018-06-01", "runtime", "init" | "restore", "error"] if post => {
            runtime::init_error(environment, request).await
        }
        ["2018-06-01", "runtime", "restore", "next"]
            if get && environment.settings.initialization == SNAP_START =>
        {
            runtime::restore_next(environment).await
        }
        ["2020-01-01", "extension", "register"] if post => extensions::register(environment, request).await,
        ["2020-01-01", "extension", "event", "next"] if get => extensions::next(environment, &request).await,
        ["2020-01-01", "extension", "init", "error"] if post => extensions::init_error(environment, &request),
        ["2020-01-01", "extension", "exit", "error"] if post => extensions::exit_error(environment, &request),
        ["2022-07-01", "telemetry"] if put => telemetry::subscribe(environment, request).await,
        ["2020-08-15", "logs"] if put => {
            reply::json(StatusCode::ACCEPTED, &reply::error("Logs.NotSupported", "Logs API is not supported"))
        }
        path if known(path) => reply::empty(StatusCode::METHOD_NOT_ALLOWED),
        _ => reply::not_found(),
    }
}

/// Whether there is a call of this path, by another method.
fn known(path: &[&str]) -> bool {
    match path {
        ["2018-06-01", "runtime", rest @ ..] => {
            matches!(
                rest,
                ["invocation", "next"] | ["invocation", _, "response" | "error"] | ["init", "error"]
            )
        }
        ["2020-01-01", "extension", rest @ ..] => {
            matches!(rest, ["register"] | ["event", "next"] | ["init" | "exit", "error"])
        }
        path => matches!(path, ["2022-07-01", "telemetry"] | ["2020-08-15", "logs"]),
    }
}
