//! `aws-config`'s requests over our own HTTP client, so that there is one TLS stack in the program.

use std::{fmt, sync::Arc, time::Duration};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use crate::destination::http::HttpClient;

/// Ours, as theirs.
pub(super) fn client(http: Arc<HttpClient>) -> SharedHttpClient {
    let connector = SharedHttpConnector::new(Connector(http));
    http_client_fn(move |_, _| connector.clone())
}

struct Connector(Arc<HttpClient>);

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let http = Arc::clone(&self.0);
        HttpConnectorFuture::new(async move {
            let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
            let (head, body) = request.into_parts();
            let body = Bytes::copy_from_slice(body.bytes().unwrap_or_default());
            let uri = head.uri.to_string();
            let sent = http.request(head.method, &uri, head.headers, body);
            // Where there is no such provider nobody answers at all (the address of instance metadata, outside EC2).
            let answer = tokio::time::timeout(LIMIT, sent).await;
            let answer = answer.map_err(|error| ConnectorError::timeout(error.into()))?;
            let answer = answer.map_err(|why| ConnectorError::io(why.into()))?;
            let mut response = HttpResponse::new(StatusCode::from(answer.status), SdkBody::from(answer.body));
            for (name, value) in &answer.headers {
                if let Ok(value) = value.to_str() {
                    response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
                }
            }
            Ok(response)
        })
    }
}

/// Sleeps by tokio's clock.
#[derive(Debug)]
pub(super) struct Sleeps;

impl AsyncSleep for Sleeps {
    fn sleep(&self, duration: Duration) -> Sleep {
        Sleep::new(tokio::time::sleep(duration))
    }
}

/// Of one request for credentials.
const LIMIT: Duration = Duration::from_secs(2);
