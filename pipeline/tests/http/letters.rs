//! Dead letters in a bucket of S3, and where they go when it does not take them.

use super::*;
use spanlayer_pipeline::{
    Destination, LetterFigures, Settings,
    aws::{Aws, Bucket, Credentials},
    letters::{Letters, Objects, Part, Pile},
};

/// A pipeline whose destination refuses everything, unless it hangs, with letters in a bucket.
struct Refusing {
    under: Under,
    bucket: Server,
}

impl Refusing {
    async fn with(
        destination: impl IntoIterator<Item = Reply>,
        bucket: impl IntoIterator<Item = Reply>,
    ) -> Self {
        let (destination, bucket) = (Server::start(destination).await, Server::start(bucket).await);
        let mut settings = Settings::to([Destination::otlp(to(&destination), None)]);
        settings.letters = Letters::S3(objects(&bucket));
        let under = Under::with(settings);
        Self { under, bucket }
    }

    fn figures(&self) -> LetterFigures {
        self.under.pipeline.stats().letters
    }

    fn dead_lettered(&self) -> u64 {
        self.under.pipeline.stats().destinations[0].signal(Signal::Traces).dead_lettered
    }

    /// The paths of all that was put.
    fn puts(&self) -> Vec<String> {
        let requests = self.bucket.requests();
        let heads = requests.iter().map(|request| request.head.split(' ').collect::<Vec<_>>());
        heads.filter(|head| head[0] == "PUT").map(|head| head[1].to_owned()).collect()
    }
}

fn objects(bucket: &Server) -> Objects {
    let aws = Aws::fixed(Credentials::new("AKIDEXAMPLE", "s3cr3t"), "eu-west-1").at(bucket.url());
    Objects::in_bucket(Bucket::new(aws, "letters").in_path(true), "prod")
}

fn refusals() -> impl Iterator<Item = Reply> {
    (0..9).map(|_| Reply::Bytes(answer("401 Unauthorized", &[], b"no")))
}

#[tokio::test]
async fn what_is_refused_becomes_an_object_that_can_be_read_back() {
    let one = Refusing::with(refusals(), []).await;
    one.under.sent(3).await;
    let [put] = &one.puts()[..] else { panic!("{:?}", one.puts()) };
    assert!(put.starts_with("/letters/prod/20") && put.ends_with(".jsonl"), "{put}");
    let requests = one.bucket.requests();
    let body = String::from_utf8(requests[0].body.clone()).unwrap();
    let mut pile = Pile::default();
    body.lines().for_each(|line| pile.add(Part::find(line).unwrap().unwrap()));
    let (letters, torn) = pile.sort();
    assert!(torn.is_empty() && put.contains(&format!("-{}.", letters[0].key)), "{put}");
    assert_eq!((letters[0].items, letters[0].batch().unwrap().items()), (3, 3));
    let figures = one.figures();
    assert_eq!((figures.kept, figures.elsewhere, figures.lost, one.dead_lettered()), (1, 0, 0, 3));
}

#[tokio::test]
async fn a_bucket_that_is_busy_is_asked_again_for_the_same_object() {
    let one = Refusing::with(refusals(), [Reply::Bytes(answer("503 Slow Down", &[], b"")), ok()]).await;
    one.under.sent(1).await;
    let puts = one.puts();
    assert!(puts.len() == 2 && puts[0] == puts[1], "{puts:?}");
    assert_eq!((one.figures().kept, one.figures().elsewhere), (1, 0));
}

#[tokio::test]
async fn what_a_bucket_does_not_take_goes_to_standard_output_and_the_bucket_is_left_alone_for_a_while() {
    let denied =
        answer("403 Forbidden", &[], b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>");
    let one = Refusing::with(refusals(), [Reply::Bytes(denied)]).await;
    for _ in 0..3 {
        one.under.sent(2).await;
    }
    assert_eq!(one.puts().len(), 1);
    let figures = one.figures();
    assert_eq!((figures.kept, figures.elsewhere, figures.lost, one.dead_lettered()), (3, 3, 0, 6));
    let told = one.under.told();
    assert_eq!(
        told.matches("dead letters go to standard output: s3://letters/prod/: 403").count(),
        1,
        "{told}"
    );
    assert!(!told.contains("s3cr3t"));
}

#[tokio::test]
async fn at_the_end_a_bucket_that_never_answers_leaves_time_for_standard_output() {
    let one = Refusing::with([Reply::Hang], [Reply::Hang]).await;
    one.under.pipeline.accept(spans(4));
    let by = Deadline::within(Duration::from_secs(2));
    let report = one.under.pipeline.shutdown(by).await;
    assert!(!by.passed());
    assert_eq!((report.dead_lettered, report.lost.len()), (4, 0));
    assert_eq!((one.puts().len(), one.figures().elsewhere), (1, 1));
}

#[tokio::test]
async fn letters_are_listed_over_pages_and_deleted_one_by_one() {
    let page = |keys: &str, next: &str| {
        Reply::Bytes(answer(
            "200 OK",
            &[],
            format!("<ListBucketResult>{keys}{next}</ListBucketResult>").as_bytes(),
        ))
    };
    let bucket = Server::start([
        page(
            "<Key>prod/a.jsonl</Key><Key>prod/other.txt</Key>",
            "<NextContinuationToken>t+1</NextContinuationToken>",
        ),
        page("<Key>prod/b.jsonl</Key>", ""),
        Reply::Bytes(answer("200 OK", &[], b"line\n")),
        Reply::Bytes(answer("204 No Content", &[], b"")),
    ])
    .await;
    let objects = objects(&bucket);
    let first = objects.list(None).await.unwrap();
    let second = objects.list(first.next.as_deref()).await.unwrap();
    assert_eq!(
        (first.keys, second.keys, second.next),
        (vec!["prod/a.jsonl".into()], vec!["prod/b.jsonl".into()], None)
    );
    assert_eq!(objects.read("prod/a.jsonl").await.unwrap(), "line\n");
    objects.delete("prod/a.jsonl").await.unwrap();
    let asked: Vec<String> =
        bucket.requests().iter().map(|one| one.head.lines().next().unwrap().to_owned()).collect();
    assert!(asked[1].contains("continuation-token=t%2B1"), "{asked:?}");
    assert!(asked[3].starts_with("DELETE /letters/prod/a.jsonl"), "{asked:?}");
}
