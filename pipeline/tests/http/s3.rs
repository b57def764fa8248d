//! Objects of S3: what is asked for, and what becomes of the answers.

use http::HeaderMap;
use spanlayer_pipeline::{
    Deadline, Destination, Format, Pipeline, Settings,
    aws::{Bucket, S3},
};

use super::{
    ONCE,
    auth::{aws, status},
    spans,
    support::http::{Reply, Server, answer, ok},
};

fn to_s3(s3: S3) -> Pipeline {
    let mut settings = Settings::to([Destination::s3(s3)]);
    settings.backoff = ONCE;
    Pipeline::new(settings)
}

#[tokio::test]
async fn a_batch_becomes_an_object_whose_repetition_overwrites_it() {
    let server = Server::start([status(
        "503 Slow Down",
        "<Error><Code>SlowDown</Code><Message>slow</Message></Error>",
    )])
    .await;
    let mut s3 = S3::in_bucket(Bucket::new(aws(&server), "archive"), "prod/");
    s3.format = Format::Json;
    let pipeline = to_s3(s3);
    pipeline.accept(spans(2));
    let by = || Deadline::within(std::time::Duration::from_secs(5));
    let first = pipeline.flush(by()).await;
    assert_eq!((first.delivered, first.left), (0, 2));
    // After a failure the destination is left alone for a moment; the last call is made all the same.
    let report = pipeline.shutdown(by()).await;
    assert!(format!("{report:?}").contains("delivered: 2"), "{report:?}");
    let requests = server.requests();
    let line = |n: usize| requests[n].head.lines().next().unwrap().to_owned();
    assert_eq!(line(0), line(1), "the same key");
    let path = "PUT /archive/prod/traces/year%3D1970/month%3D01/day%3D01/hour%3D00/";
    assert!(line(0).starts_with(path) && line(0).ends_with(".json.gz HTTP/1.1"), "{}", line(0));
    assert_eq!(requests[0].body, requests[1].body);
    assert_eq!(requests[0].header("x-amz-content-sha256").map(str::len), Some(64));
}

fn line(server: &Server, n: usize) -> String {
    server.requests()[n].head.lines().next().unwrap().to_owned()
}

fn xml(body: &str) -> Reply {
    status("200 OK", body)
}

fn bucket(server: &Server) -> Bucket {
    Bucket::new(aws(server), "archive")
}

#[tokio::test]
async fn an_object_is_put_got_and_deleted_under_its_key() {
    let server = Server::start([
        ok(),
        status("200 OK", "what was put"),
        Reply::Bytes(answer("204 No Content", &[], b"")),
    ])
    .await;
    let bucket = bucket(&server);
    bucket.put("a/b c", HeaderMap::new(), "what was put".into()).await.unwrap();
    assert_eq!(bucket.get("a/b c").await.unwrap(), "what was put");
    bucket.delete("a/b c").await.unwrap();
    for (n, method) in ["PUT", "GET", "DELETE"].into_iter().enumerate() {
        assert_eq!(line(&server, n), format!("{method} /archive/a/b%20c HTTP/1.1"));
        let request = &server.requests()[n];
        let signature = request.header("authorization").unwrap();
        assert!(
            signature.contains("/s3/aws4_request") && signature.contains("x-amz-content-sha256"),
            "{signature}"
        );
        assert_eq!(request.body, if n == 0 { &b"what was put"[..] } else { b"" });
    }
}

#[tokio::test]
async fn keys_come_a_page_at_a_time_with_their_own_characters() {
    let first = "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>p/a &amp; b</Key></Contents>\
                 <Contents><Key>p/c</Key></Contents><NextContinuationToken>1+/=</NextContinuationToken></ListBucketResult>";
    let last = "<ListBucketResult><Contents><Key>p/d</Key></Contents></ListBucketResult>";
    let server = Server::start([xml(first), xml(last), xml("<ListBucketResult/>")]).await;
    let bucket = bucket(&server);
    let page = bucket.list("p/", None).await.unwrap();
    assert_eq!(page.keys, ["p/a & b", "p/c"]);
    assert_eq!(page.next.as_deref(), Some("1+/="));
    let page = bucket.list("p/", page.next.as_deref()).await.unwrap();
    assert_eq!((page.keys, page.next), (vec!["p/d".to_owned()], None));
    assert_eq!(bucket.list("q", None).await.unwrap().keys.len(), 0);
    assert_eq!(line(&server, 0), "GET /archive/?list-type=2&prefix=p%2F HTTP/1.1");
    assert_eq!(
        line(&server, 1),
        "GET /archive/?list-type=2&prefix=p%2F&continuation-token=1%2B%2F%3D HTTP/1.1"
    );
}

#[tokio::test]
async fn what_s3_refuses_is_told_in_its_words_and_whether_it_passes() {
    let error =
        |code: &str| format!("<Error><Code>{code}</Code><Message>no &lt;such&gt; thing</Message></Error>");
    let server = Server::start([
        status("404 Not Found", &error("NoSuchKey")),
        status("403 Forbidden", &error("AccessDenied")),
        status("503 Slow Down", &error("SlowDown")),
        Reply::Last(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec()),
    ])
    .await;
    let bucket = bucket(&server);
    for (code, passing) in [("NoSuchKey", false), ("AccessDenied", false), ("SlowDown", true)] {
        let failure = bucket.get("k").await.unwrap_err();
        assert!(failure.why.contains(code) && failure.why.contains("no <such> thing"), "{failure}");
        assert_eq!(failure.is_passing(), passing, "{code}");
    }
    let failure = bucket.get("k").await.unwrap_err();
    assert!(failure.why.contains("broke off") && failure.is_passing(), "{failure}");
}

#[tokio::test]
async fn a_key_that_has_expired_is_got_anew_and_the_request_repeated_once() {
    let expired = "<Error><Code>ExpiredToken</Code><Message>too old</Message></Error>";
    let server = Server::start([
        status("400 Bad Request", expired),
        ok(),
        status("400 Bad Request", expired),
        status("400 Bad Request", expired),
    ])
    .await;
    let bucket = bucket(&server);
    bucket.delete("k").await.unwrap();
    assert_eq!(server.requests().len(), 2);
    assert!(bucket.delete("k").await.unwrap_err().why.contains("ExpiredToken"));
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test]
async fn a_bucket_elsewhere_is_signed_for_where_it_is() {
    let server = Server::start([]).await;
    bucket(&server).in_region("ap-south-1").delete("k").await.unwrap();
    let signature = server.requests()[0].header("authorization").unwrap().to_owned();
    assert!(signature.contains("/ap-south-1/s3/aws4_request"), "{signature}");
}
