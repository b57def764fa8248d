//! What whoever watches the program asks over HTTP: whether it takes data, and its own metrics. In a function nobody could
//! reach it, and it is not there.

use super::reply::Reply;
use crate::log::Timestamp;
use http::{HeaderValue, Method, Response, StatusCode, header};
use spanlayer_host::clock;
use spanlayer_pipeline::{Pipeline, metrics::CONTENT_TYPE};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

/// Where the program is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// What an earlier process left is being read.
    Starting,
    /// Data is taken.
    Serving,
    /// What is held is being delivered, and nothing more is taken.
    Draining,
}

impl Phase {
    const ALL: [Self; 3] = [Self::Starting, Self::Serving, Self::Draining];

    const fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Serving => "serving",
            Self::Draining => "draining",
        }
    }
}

/// Answers at `/` (or the path that a file names), `/health` and `/metrics`.
#[derive(Debug)]
pub struct Status {
    phase: AtomicU8,
    /// In Unix time.
    since: Duration,
    path: String,
    pipeline: Arc<Pipeline>,
    /// The fingerprint of the pipeline file; empty without one.
    config: String,
}

impl Status {
    /// Of a program that starts now.
    pub fn new(path: Option<String>, pipeline: Arc<Pipeline>, config: String) -> Self {
        let (phase, path) = (AtomicU8::new(Phase::Starting as u8), path.unwrap_or_else(|| "/".to_owned()));
        Self { phase, since: clock::unix(), path, pipeline, config }
    }

    /// From here on it is in this phase.
    pub fn enter(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    fn phase(&self) -> Phase {
        Phase::ALL[usize::from(self.phase.load(Ordering::Relaxed))]
    }

    pub(super) fn answer(&self, method: &Method, path: &str) -> Response<Reply> {
        let (status, kind, body) = match path {
            _ if *method != Method::GET && *method != Method::HEAD => {
                (StatusCode::METHOD_NOT_ALLOWED, TEXT, "ask by GET\n".to_owned())
            }
            METRICS => (StatusCode::OK, CONTENT_TYPE, self.metrics()),
            path if path == self.path || path == HEALTH => self.health(),
            _ => {
                let message =
                    format!("{} says whether data is taken, {METRICS} what became of it\n", self.path);
                (StatusCode::NOT_FOUND, TEXT, message)
            }
        };
        let mut response = Response::new(Reply::from(body.into_bytes()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        if status == StatusCode::METHOD_NOT_ALLOWED {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        }
        response
    }

    fn metrics(&self) -> String {
        let metrics = self.pipeline.metrics();
        if self.config.is_empty() { metrics } else { metrics.with_config(&self.config) }.to_prometheus()
    }

    /// In the words of the Collector's `health_check`, and the phase.
    fn health(&self) -> (StatusCode, &'static str, String) {
        let phase = self.phase();
        let (code, words) = match phase {
            Phase::Serving => (StatusCode::OK, "Server available"),
            Phase::Starting | Phase::Draining => (StatusCode::SERVICE_UNAVAILABLE, "Server not available"),
        };
        let (since, up) = (Timestamp(self.since.as_millis()), clock::unix().saturating_sub(self.since));
        let body = format!(
            "{{\"status\":\"{words}\",\"phase\":\"{}\",\"upSince\":\"{since}\",\"uptime\":\"{}s\"}}\n",
            phase.name(),
            up.as_secs()
        );
        (code, JSON, body)
    }
}

/// Also where the file names another path for it.
const HEALTH: &str = "/health";
const METRICS: &str = "/metrics";

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt as _;
    use spanlayer_pipeline::Settings;

    fn status(path: Option<&str>) -> Status {
        let pipeline = Arc::new(Pipeline::new(Settings::default()));
        Status::new(path.map(str::to_owned), pipeline, "0123".to_owned())
    }

    fn code(status: &Status, path: &str) -> u16 {
        status.answer(&Method::GET, path).status().as_u16()
    }

    #[tokio::test]
    async fn it_is_well_while_it_takes_data_and_says_what_it_does_otherwise() {
        let status = status(None);
        for (phase, expected, words) in [
            (Phase::Starting, 503, "Server not available"),
            (Phase::Serving, 200, "Server available"),
            (Phase::Draining, 503, "Server not available"),
        ] {
            status.enter(phase);
            let answer = status.answer(&Method::GET, "/");
            assert_eq!(answer.status(), expected);
            assert_eq!(answer.headers()[header::CONTENT_TYPE], JSON);
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!((&body["status"], &body["phase"]), (&words.into(), &phase.name().into()));
            assert!(body["uptime"].is_string() && body["upSince"].is_string());
        }
    }

    #[tokio::test]
    async fn metrics_are_there_in_every_phase() {
        let answer = status(None).answer(&Method::GET, "/metrics");
        assert_eq!(
            (answer.status().as_u16(), answer.headers()[header::CONTENT_TYPE].to_str().unwrap()),
            (200, CONTENT_TYPE)
        );
        let page = answer.into_body().collect().await.unwrap().to_bytes();
        assert!(std::str::from_utf8(&page).unwrap().contains("spanlayer_config_hash=\"0123\""));
    }

    #[test]
    fn it_is_asked_at_the_path_of_the_file_and_nowhere_else() {
        let of_the_file = status(Some("/live"));
        of_the_file.enter(Phase::Serving);
        let codes = ["/live", "/health", "/", "/v1/traces"].map(|path| code(&of_the_file, path));
        assert_eq!(codes, [200, 200, 404, 404]);
        let posted = of_the_file.answer(&Method::POST, "/live");
        assert_eq!(
            (posted.status().as_u16(), posted.headers()[header::ALLOW].to_str().unwrap()),
            (405, "GET, HEAD")
        );
    }
}
