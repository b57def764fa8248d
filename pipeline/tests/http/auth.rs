//! Who we say we are: schemes, values that lie elsewhere, and what happens when a server turns us away.

use std::{fs, path::PathBuf};

use spanlayer_pipeline::{
    auth::{Auth, OAuth2, Value},
    aws::{Aws, Credentials},
};

use super::{
    LEFT, ONCE, TAKEN, Under, spans,
    support::http::{Reply, Server, answer, ok},
    to,
};

fn value(text: &str) -> Value {
    Value::parse(text).unwrap()
}

pub(super) fn status(line: &str, body: &str) -> Reply {
    Reply::Bytes(answer(line, &[], body.as_bytes()))
}

fn json(body: &str) -> Reply {
    Reply::Bytes(answer("200 OK", &[("content-type", "application/json")], body.as_bytes()))
}

fn sent(server: &Server, header: &str) -> Vec<String> {
    server.requests().iter().map(|request| request.header(header).unwrap_or_default().to_owned()).collect()
}

/// A file of this test's own.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> Self {
        let file = Self(std::env::temp_dir().join(format!("spanlayer-{name}-{}", std::process::id())));
        file.write(text);
        file
    }

    fn write(&self, text: &str) {
        fs::write(&self.0, text).unwrap();
    }

    fn reference(&self) -> String {
        format!("${{file:{}}}", self.0.display())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// AWS as this server plays it.
pub(super) fn aws(server: &Server) -> Aws {
    Aws::fixed(Credentials::new("AKIDEXAMPLE", "aws-s3cr3t").with_token("aws-t0ken"), "eu-west-1")
        .at(server.url())
}

fn secret_string(text: &str) -> Reply {
    let body = serde_json::json!({ "SecretString": text });
    json(&body.to_string())
}

#[tokio::test]
async fn bearer_basic_and_any_header_are_seen_by_the_server() {
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::Bearer(value("t0ken")));
    // Cargo says this to every test.
    otlp.secret_headers = vec![("x-api-key".parse().unwrap(), value("key-${env:CARGO_PKG_NAME}"))];
    assert_eq!(Under::test(otlp, ONCE).sent(1).await, TAKEN);
    assert_eq!(sent(&server, "authorization"), ["Bearer t0ken"]);
    assert_eq!(sent(&server, "x-api-key"), ["key-spanlayer-pipeline"]);

    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::Basic { user: value("Aladdin"), password: value("open sesame") });
    assert_eq!(Under::test(otlp, ONCE).sent(1).await, TAKEN);
    assert_eq!(sent(&server, "authorization"), ["Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="]); // RFC 7617, 2
}

#[tokio::test]
async fn a_token_in_a_file_counts_from_the_moment_it_is_replaced() {
    let (server, file) = (Server::start([]).await, File::new("token", "first\n"));
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::Bearer(value(&file.reference())));
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.sent(1).await, TAKEN);
    file.write("second\n");
    assert_eq!(under.sent(1).await, TAKEN);
    assert_eq!(sent(&server, "authorization"), ["Bearer first", "Bearer second"]);
}

#[tokio::test]
async fn while_a_value_cannot_be_had_the_batch_waits_and_the_reason_names_where_from() {
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    let file = File::new("missing", "");
    fs::remove_file(&file.0).unwrap();
    otlp.auth = Some(Auth::Bearer(value(&format!("s3cret-part {}", file.reference()))));
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.sent(1).await, LEFT);
    assert!(server.requests().is_empty());
    let told = under.told();
    assert!(told.contains(&format!("file:{}", file.0.display())) && !told.contains("s3cret-part"), "{told}");
}

#[tokio::test]
async fn an_oauth2_token_is_kept_and_got_anew_when_it_is_turned_away() {
    let tokens = Server::start([
        json(r#"{"access_token":"t0ken-1","token_type":"Bearer","expires_in":3600}"#),
        json(r#"{"access_token":"t0ken-2","token_type":"Bearer","expires_in":"3600"}"#),
    ])
    .await;
    let server = Server::start([ok(), ok(), status("401 Unauthorized", "t0ken-1 has expired")]).await;
    let mut client = OAuth2::new(&tokens.url(), "the client", value("client s3cret")).unwrap();
    client.scopes = vec!["a".to_owned(), "b".to_owned()];
    client.params = vec![("audience".to_owned(), value("https://otlp"))];
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::OAuth2(client.into()));
    let under = Under::test(otlp, ONCE);
    for _ in 0..3 {
        assert_eq!(under.sent(1).await, TAKEN);
    }
    let expected = ["Bearer t0ken-1", "Bearer t0ken-1", "Bearer t0ken-1", "Bearer t0ken-2"];
    assert_eq!(sent(&server, "authorization"), expected);
    let keys = sent(&server, "idempotency-key");
    assert_eq!(keys[2], keys[3], "the repetition is the same request");
    let asked = &tokens.requests()[0];
    let body = "grant_type=client_credentials&scope=a+b&audience=https%3A%2F%2Fotlp";
    assert_eq!(String::from_utf8_lossy(&asked.body), body);
    // "the+client:client+s3cret", form-encoded as RFC 6749, 2.3.1 has it
    assert_eq!(asked.header("authorization"), Some("Basic dGhlK2NsaWVudDpjbGllbnQrczNjcmV0"));
}

#[tokio::test]
async fn a_server_that_wants_the_client_in_the_body_gets_it_there() {
    let tokens = Server::start([
        status("401 Unauthorized", r#"{"error":"invalid_client"}"#),
        json(r#"{"access_token":"t0ken"}"#),
    ])
    .await;
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::OAuth2(OAuth2::new(&tokens.url(), "id", value("s&cret")).unwrap().into()));
    assert_eq!(Under::test(otlp, ONCE).sent(1).await, TAKEN);
    let body = tokens.requests()[1].body.clone();
    assert_eq!(
        String::from_utf8(body).unwrap(),
        "grant_type=client_credentials&client_id=id&client_secret=s%26cret"
    );
    assert_eq!(sent(&server, "authorization"), ["Bearer t0ken"]);
}

#[tokio::test]
async fn a_token_server_that_refuses_is_quoted_without_the_secret_and_nothing_is_lost() {
    let refusal = r#"{"error":"invalid_client","error_description":"client-s3cret is wrong"}"#;
    let tokens =
        Server::start([status("400 Bad Request", refusal), status("400 Bad Request", refusal)]).await;
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::OAuth2(OAuth2::new(&tokens.url(), "id", value("client-s3cret")).unwrap().into()));
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.sent(1).await, LEFT);
    let told = under.told();
    assert!(told.contains("invalid_client *** is wrong") && told.contains(&tokens.url()), "{told}");
    assert!(!told.contains("s3cret") && server.requests().is_empty());
}

#[tokio::test]
async fn what_a_token_server_repeats_of_a_request_is_masked_in_every_form() {
    // `id:client-s3cret`, as Basic authentication has it.
    let echo = r#"{"error":"no","error_description":"Basic aWQ6Y2xpZW50LXMzY3JldA==, key=param-s3cret"}"#;
    let tokens = Server::start([status("400 Bad Request", echo), status("400 Bad Request", echo)]).await;
    let server = Server::start([]).await;
    let mut client = OAuth2::new(&tokens.url(), "id", value("client-s3cret")).unwrap();
    client.params = vec![("key".to_owned(), value("param-s3cret"))];
    let mut otlp = to(&server);
    otlp.auth = Some(Auth::OAuth2(client.into()));
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.sent(1).await, LEFT);
    let told = under.told();
    assert!(told.contains("no Basic ***, key=***") && !told.contains("aWQ6"), "{told}");
}

#[tokio::test]
async fn a_secret_is_asked_for_once_and_again_when_it_is_turned_away() {
    let store = Server::start([
        secret_string(r#"{"token":"t0ken-1","other":1}"#),
        secret_string(r#"{"token":"t0ken-2"}"#),
    ])
    .await;
    let server = Server::start([ok(), ok(), status("403 Forbidden", "no"), ok()]).await;
    let mut otlp = to(&server);
    otlp.aws = aws(&store);
    let reference = value("Bearer ${secretsmanager:prod/otlp?stage=AWSPREVIOUS#token}");
    otlp.secret_headers = vec![("authorization".parse().unwrap(), reference)];
    let under = Under::test(otlp, ONCE);
    for _ in 0..4 {
        assert_eq!(under.sent(1).await, TAKEN);
    }
    let expected: Vec<String> = [1, 1, 1, 2, 2].iter().map(|n| format!("Bearer t0ken-{n}")).collect();
    assert_eq!(sent(&server, "authorization"), expected);
    let asked = &store.requests()[0];
    assert_eq!(store.requests().len(), 2);
    assert_eq!(asked.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
    assert_eq!(asked.header("x-amz-security-token"), Some("aws-t0ken"));
    let signature = asked.header("authorization").unwrap();
    assert!(signature.contains("/eu-west-1/secretsmanager/aws4_request, SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, "), "{signature}");
    let body: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
    assert_eq!(body, serde_json::json!({ "SecretId": "prod/otlp", "VersionStage": "AWSPREVIOUS" }));
}

#[tokio::test]
async fn what_a_server_repeats_of_a_secret_is_masked_wherever_it_came_from() {
    let store = Server::start([json(r#"{"Parameter":{"Value":"parameter-s3cret"}}"#)]).await;
    let echo = "parameter-s3cret, file-s3cret, Aladdin:pass-s3cret QWxhZGRpbjpwYXNzLXMzY3JldA==";
    let server = Server::start([status("400 Bad Request", echo)]).await;
    let file = File::new("echo", "file-s3cret");
    let mut otlp = to(&server);
    otlp.aws = aws(&store);
    otlp.auth = Some(Auth::Basic { user: value("Aladdin"), password: value("pass-s3cret") });
    otlp.secret_headers = vec![
        ("x-parameter".parse().unwrap(), value("${ssm:/prod/key}")),
        ("x-file".parse().unwrap(), value(&file.reference())),
    ];
    assert!(!format!("{otlp:?}").contains("s3cret"));
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.send([spans(1)]).await.refused, 1);
    let told = under.told();
    assert!(told.contains("***, ***") && !told.contains("s3cret") && !told.contains("QWxh"), "{told}");
}

#[tokio::test]
async fn a_secret_that_aws_refuses_makes_the_batch_wait_and_is_told_in_awss_words() {
    let refusal = r#"{"__type":"com.amazon#AccessDeniedException","Message":"not authorized, aws-t0ken"}"#;
    let store = Server::start([status("400 Bad Request", refusal)]).await;
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.aws = aws(&store);
    otlp.auth = Some(Auth::Bearer(value("${secretsmanager:otlp}")));
    let under = Under::test(otlp, ONCE);
    assert_eq!(under.sent(1).await, LEFT);
    let told = under.told();
    assert!(
        told.contains("secretsmanager:otlp") && told.contains("AccessDeniedException not authorized, ***"),
        "{told}"
    );
}

#[tokio::test]
async fn requests_to_aws_are_signed_with_what_is_sent() {
    let server = Server::start([]).await;
    let mut otlp = to(&server);
    otlp.aws = aws(&server);
    otlp.auth = Some(Auth::SigV4 { service: "xray".to_owned(), region: Some("us-west-2".to_owned()) });
    assert_eq!(Under::test(otlp, ONCE).sent(3).await, (3, 0));
    let signature = &sent(&server, "authorization")[0];
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{signature}");
    let signed = "/us-west-2/xray/aws4_request, SignedHeaders=content-encoding;content-type;host;idempotency-key;x-amz-date;x-amz-security-token, ";
    assert!(signature.contains(signed), "{signature}");
    assert_eq!(sent(&server, "x-amz-security-token"), ["aws-t0ken"]);
}
