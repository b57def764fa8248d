//! What a response tells about its invocation: an HTTP status, or which items of a batch failed.

use super::{
    attributes::count,
    skim::{Document, Raw},
};
use opentelemetry::{Array, KeyValue, StringValue, Value};

/// What to look for in the response to an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Nothing.
    #[default]
    Opaque,
    /// `statusCode`. Where it is missing, the front takes the response for a body with the status `implied`, or
    /// refuses it.
    Http {
        /// The status of a response that names none.
        implied: Option<u16>,
    },
    /// `batchItemFailures`.
    Batch,
}

/// What a response told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    /// The HTTP status that the caller gets.
    pub(crate) status: Option<u16>,
    /// How many items failed; `None` when the response does not speak of it.
    pub(crate) failures: Option<usize>,
    /// The first of them, by their ids.
    pub(crate) failed: Vec<String>,
}

impl Answer {
    /// Reads a serialised response. Of a streamed one, the prelude that names the status is enough.
    pub(crate) fn read(self, response: &[u8]) -> Told {
        match self {
            Self::Opaque => Told::default(),
            Self::Http { implied } => Told { status: status(response, implied), ..Told::default() },
            Self::Batch => failures(response),
        }
    }
}

impl Told {
    /// The attributes of the invocation's span that follow.
    pub(crate) fn attributes(&self) -> Vec<KeyValue> {
        let mut attributes = Vec::new();
        if let Some(status) = self.status {
            attributes.push(KeyValue::new("http.response.status_code", i64::from(status)));
        }
        if self.is_error() {
            attributes.extend(self.status.map(|status| KeyValue::new("error.type", status.to_string())));
        }
        if let Some(failures) = self.failures.filter(|failures| *failures > 0) {
            attributes.push(KeyValue::new("spanlayer.batch.failures", count(failures)));
            let failed = self.failed.iter().cloned().map(StringValue::from).collect();
            attributes
                .push(KeyValue::new("spanlayer.batch.failed_items", Value::Array(Array::String(failed))));
        }
        attributes
    }

    /// Whether the span's status is an error: for a server only from 500 on, since 4xx is the caller's mistake. Items
    /// that failed are no error of the invocation, which handled them by saying so.
    pub(crate) fn is_error(&self) -> bool {
        self.status.is_some_and(|status| status >= 500)
    }
}

fn status(response: &[u8], implied: Option<u16>) -> Option<u16> {
    let Some(document) = Document::whole(response) else {
        // A text or a list is a body to those who take bodies.
        return implied.filter(|_| Raw::whole(response).is_some());
    };
    match document.root().get("statusCode") {
        Some(code) => {
            let code = code.integer().or_else(|| code.text()?.trim().parse().ok())?;
            u16::try_from(code).ok().filter(|code| (100..1000).contains(code))
        }
        None => implied,
    }
}

fn failures(response: &[u8]) -> Told {
    let Some(document) = Document::whole(response) else { return Told::default() };
    match document.root().objects("batchItemFailures") {
        Some(items) => {
            let ids = items.iter().filter_map(|item| item.text("itemIdentifier"));
            let failed = ids.take(MOST_FAILED).map(|id| id.into_owned()).collect();
            Told { status: None, failures: Some(items.total()), failed }
        }
        // An empty list says that nothing failed; none says nothing.
        None => Told {
            failures: document.root().items("batchItemFailures").map(Iterator::count),
            ..Told::default()
        },
    }
}

/// As many ids are named; a batch can hold ten thousand.
const MOST_FAILED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    const V1: Answer = Answer::Http { implied: None };
    const V2: Answer = Answer::Http { implied: Some(200) };

    #[test]
    fn the_status_is_read_wherever_it_stands() {
        assert_eq!(V1.read(br#"{"body":"{\"statusCode\":500}","statusCode":201}"#).status, Some(201));
        assert_eq!(V1.read(br#"{"statusCode":"404"}"#).status, Some(404));
        for wrong in [
            r#"{"statusCode":null}"#,
            r#"{"statusCode":99}"#,
            r#"{"statusCode":1e3}"#,
            "{}",
            "null",
            "",
            "{\"statusCode\":200",
        ] {
            assert_eq!(V1.read(wrong.as_bytes()).status, None, "{wrong}");
        }
    }

    #[test]
    fn a_response_without_status_is_a_200_only_where_the_front_says_so() {
        assert_eq!(V2.read(br#"{"message":"hi"}"#).status, Some(200));
        assert_eq!(V2.read(br#""hi""#).status, Some(200));
        assert_eq!(V2.read(b"not json").status, None);
        assert_eq!(V1.read(br#"{"message":"hi"}"#).status, None);
        assert_eq!(Answer::Opaque.read(br#"{"statusCode":500}"#), Told::default());
    }

    #[test]
    fn only_5xx_is_an_error() {
        let attributes = V1.read(br#"{"statusCode":503}"#);
        assert!(attributes.is_error());
        assert_eq!(
            attributes.attributes(),
            [KeyValue::new("http.response.status_code", 503_i64), KeyValue::new("error.type", "503")]
        );
        let told = V1.read(br#"{"statusCode":404}"#);
        assert!(!told.is_error());
        assert_eq!(told.attributes(), [KeyValue::new("http.response.status_code", 404_i64)]);
    }

    #[test]
    fn failed_items_are_counted_and_the_first_ones_named() {
        let answer = Answer::Batch;
        let told = answer.read(br#"{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"b"}]}"#);
        assert_eq!((told.failures, told.failed), (Some(2), vec!["a".to_owned(), "b".to_owned()]));
        assert_eq!(answer.read(br#"{"batchItemFailures":[]}"#).failures, Some(0));
        assert_eq!(answer.read(br#"{"batchItemFailures":null}"#), Told::default());
        assert_eq!(answer.read(b"null"), Told::default());
        let many =
            format!(r#"{{"batchItemFailures":[{}]}}"#, vec![r#"{"itemIdentifier":"x"}"#; 500].join(","));
        let told = answer.read(many.as_bytes());
        assert_eq!((told.failures, told.failed.len()), (Some(500), MOST_FAILED));
    }
}
