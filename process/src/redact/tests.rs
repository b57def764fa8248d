use super::*;
use spanlayer_otlp::{
    scan,
    schema::{Kind, Message, Need},
    wire::{self, Fields},
};

/// A text with one secret, and what of it must not be found afterwards.
fn secrets() -> Vec<(Recogniser, String, String)> {
    let jwt = format!(
        "eyJhbGciOiJIUzI1NiJ9.{}.{}",
        "eyJzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"
    );
    let all = |kind, text: String| (kind, text.clone(), text);
    vec![
        all(Recogniser::Jwt, jwt),
        all(Recogniser::AwsAccessKey, "AKIAIOSFODNN7EXAMPLE".to_owned()),
        (
            Recogniser::AwsSecretKey,
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(),
            "wJalrXUtnFEMI".to_owned(),
        ),
        (
            Recogniser::AuthHeader,
            "Authorization: Bearer 0123456789abcdefXYZ".to_owned(),
            "0123456789abc".to_owned(),
        ),
        (Recogniser::AuthHeader, "sent basic dXNlcjpwYXNzd29yZA== along".to_owned(), "dXNlcjpw".to_owned()),
        (
            Recogniser::PrivateKey,
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA75\n-----END RSA PRIVATE KEY-----".to_owned(),
            "MIIEowIBAAKCAQEA75".to_owned(),
        ),
        (
            Recogniser::UrlCredentials,
            "postgres://app:hunter2@db.example/orders".to_owned(),
            "hunter2".to_owned(),
        ),
        (
            Recogniser::SignedQuery,
            "https://b.s3.amazonaws.com/k?X-Amz-Date=20260101&X-Amz-Signature=fe5f80f77d5fa3beca038a248ff027"
                .to_owned(),
            "fe5f80f77d5f".to_owned(),
        ),
        all(Recogniser::VendorToken, format!("ghp_{}", "a1B2c3D4e5".repeat(4))),
        all(Recogniser::VendorToken, format!("sk_live_{}", "a1B2c3D4e5".repeat(3))),
        (Recogniser::Assignment, r#"{"user":"x","password":"hunter2!"}"#.to_owned(), "hunter2!".to_owned()),
        (
            Recogniser::Assignment,
            r#"body {\"api_key\": \"zzz-key-zzz\"}"#.to_owned(),
            "zzz-key-zzz".to_owned(),
        ),
        all(Recogniser::Email, "jane.doe+x@mail.example.com".to_owned()),
        all(Recogniser::Card, "4111 1111 1111 1111".to_owned()),
        all(Recogniser::Card, "378282246310005".to_owned()),
    ]
}

fn everything() -> Redactor {
    let mut rules = Rules::none();
    rules.add_named("all").unwrap();
    Redactor::new(rules).unwrap()
}

/// The places of texts in a message, as field numbers; values nest three levels deep.
fn places(message: &'static Message, path: &mut Vec<u32>, found: &mut Vec<Vec<u32>>) {
    for field in message.fields {
        path.push(field.number);
        match field.kind {
            // Bytes that are no text are no place for one.
            Kind::String | Kind::Bytes => found.push(path.clone()),
            Kind::Message(nested) if path.len() < 11 => places(nested, path, found),
            _ => {}
        }
        path.pop();
    }
}

/// A valid message with a text in one place.
fn plant(message: &'static Message, path: &[u32], text: &str, out: &mut Vec<u8>) {
    for field in message.fields {
        if let Kind::Id { length, need: Need::Valid | Need::Present } = field.kind {
            wire::bytes_field(out, field.number, &vec![7; length]);
        }
        if path.first() == Some(&field.number) {
            match field.kind {
                Kind::Message(nested) => {
                    let mut body = Vec::new();
                    plant(nested, &path[1..], text, &mut body);
                    wire::bytes_field(out, field.number, &body);
                }
                _ => wire::bytes_field(out, field.number, text.as_bytes()),
            }
        }
    }
}

fn holds(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

#[test]
fn a_secret_of_every_kind_is_removed_from_every_place_of_every_signal() {
    let redactor = everything();
    for signal in Signal::ALL {
        let mut all = Vec::new();
        places(request(signal), &mut Vec::new(), &mut all);
        assert!((40..4000).contains(&all.len()), "{signal}: {}", all.len());
        for (kind, text, secret) in secrets() {
            for path in &all {
                let mut bytes = Vec::new();
                plant(request(signal), path, &text, &mut bytes);
                scan(signal, &bytes).unwrap();
                let Some((clean, tally)) = redactor.redact(signal, &bytes) else {
                    panic!("{} is not found at {path:?} of {signal}", kind.name())
                };
                scan(signal, &clean).unwrap();
                assert!(!holds(&clean, &secret), "{} stays at {path:?} of {signal}", kind.name());
                assert!(
                    tally.recognised(kind) > 0,
                    "{} is counted as another at {path:?}: {tally:?}",
                    kind.name()
                );
            }
        }
    }
}

type Body<'b> = &'b dyn Fn(&mut Vec<u8>);

#[test]
fn what_is_secret_by_its_name_goes_whatever_its_value() {
    let redactor =
        Redactor::new(Rules { keys: vec!["pin".to_owned(), "user.*.ssn".to_owned()], ..Rules::default() })
            .unwrap();
    let values: [Body<'_>; 3] =
        [&|any| wire::bytes_field(any, 1, b"hunter2"), &|any| wire::varint_field(any, 3, 4711), &|any| {
            wire::message_field(any, 5, |list| {
                wire::message_field(list, 1, |any| wire::bytes_field(any, 1, b"hunter2"))
            })
        }];
    for key in
        ["db.password", "Authorization", "http.request.header.x-api-key", "pin", "PIN", "user.home.ssn"]
    {
        for value in values {
            let bytes = resource(|pair| {
                wire::bytes_field(pair, 1, key.as_bytes());
                wire::message_field(pair, 2, value);
            });
            let (clean, tally) = redactor.redact(Signal::Traces, &bytes).expect(key);
            assert!(
                !holds(&clean, "hunter2") && !holds(&clean, "\x18\u{e7}\x24") && holds(&clean, "****"),
                "{key}"
            );
            assert_eq!(tally.by_key, 1);
        }
    }
}

fn resource(pair: impl Fn(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    wire::message_field(&mut bytes, 1, |group| {
        wire::message_field(group, 1, |resource| wire::message_field(resource, 1, pair))
    });
    bytes
}

fn text_attribute(key: &str, value: &str) -> Vec<u8> {
    resource(|pair| {
        wire::bytes_field(pair, 1, key.as_bytes());
        wire::message_field(pair, 2, |any| wire::bytes_field(any, 1, value.as_bytes()));
    })
}

#[test]
fn only_what_is_on_the_list_stays_when_there_is_one() {
    let rules = Rules { allowed: Some(vec!["good".to_owned()]), ..Rules::none() };
    let redactor = Redactor::new(rules).unwrap();
    assert!(redactor.redact(Signal::Traces, &text_attribute("good", "x")).is_none());
    let (clean, tally) = redactor.redact(Signal::Traces, &text_attribute("bad", "unlisted")).unwrap();
    assert!(!holds(&clean, "unlisted") && !holds(&clean, "bad") && holds(&clean, "redaction.redacted.count"));
    assert_eq!(tally.deleted, 1);
}

#[test]
fn hashes_are_keyed_and_equal_for_equal_secrets_and_a_summary_never_tells_what_it_was() {
    let with = |key: &[u8]| {
        let rules =
            Rules { action: Action::Hash, key: key.to_vec(), summary: Summary::Debug, ..Rules::default() };
        Redactor::new(rules).unwrap()
    };
    let (a, b) = (with(b"0123456789abcdef"), with(b"0123456789abcdeX"));
    let bytes = text_attribute("db.password", "hunter2");
    let of = |redactor: &Redactor| redactor.redact(Signal::Traces, &bytes).unwrap().0;
    assert_eq!(of(&a), of(&a));
    assert_ne!(of(&a), of(&b));
    assert!(
        !holds(&of(&a), "hunter2")
            && holds(&of(&a), "redaction.masked.keys")
            && holds(&of(&a), "db.password")
    );
    assert!(Redactor::new(Rules { action: Action::Hash, ..Rules::none() }).is_err());
}

#[test]
fn numbers_are_looked_into_where_that_is_asked_for() {
    // 4111111111111111 as a whole number, as a real one and as a text; and two that are no secret.
    let any = |out: &mut Vec<u8>, n: u32| match n {
        0 => wire::varint_field(out, 3, 4_111_111_111_111_111),
        1 => wire::fixed64_field(out, 4, 4_111_111_111_111_111_f64.to_bits()),
        2 => wire::bytes_field(out, 1, b"4111111111111111"),
        3 => wire::varint_field(out, 3, 42),
        _ => wire::varint_field(out, 2, 1),
    };
    let body: Vec<u8> = (0..5)
        .flat_map(|n| {
            resource(|pair| {
                wire::bytes_field(pair, 1, format!("k{n}").as_bytes());
                wire::message_field(pair, 2, |out| any(out, n));
            })
        })
        .collect();
    for (all_types, masked) in [(false, 1), (true, 3)] {
        let blocked = vec!["^4[0-9]{15}$".to_owned()];
        let rules = Rules { blocked, all_types, summary: Summary::Silent, ..Rules::none() };
        let (clean, tally) = Redactor::new(rules).unwrap().redact(Signal::Traces, &body).unwrap();
        assert_eq!(
            (tally.masked(), clean.windows(4).filter(|four| four == b"****").count()),
            (masked, masked as usize)
        );
        assert!(scan(Signal::Traces, &clean).is_ok());
    }
}

#[test]
fn what_is_clean_already_stays_as_it_is() {
    let mut hashing = Rules { action: Action::Hash, key: b"0123456789abcdef".to_vec(), ..Rules::none() };
    hashing.add_named("all").unwrap();
    for redactor in [everything(), Redactor::new(hashing).unwrap()] {
        for (_, text, _) in secrets() {
            for key in ["note", "password"] {
                let (once, _) = redactor.redact(Signal::Traces, &text_attribute(key, &text)).unwrap();
                let twice = redactor.redact(Signal::Traces, &once);
                assert!(twice.is_none(), "{text}: {:?}", String::from_utf8_lossy(&twice.unwrap().0));
            }
        }
    }
}

#[test]
fn what_was_told_before_is_told_with_what_is_told_now() {
    let redactor = redactor_of("credentials");
    let (once, _) = redactor.redact(Signal::Traces, &text_attribute("password", "hunter2")).unwrap();
    let mut more = resource(|pair| {
        wire::bytes_field(pair, 1, b"note");
        wire::message_field(pair, 2, |any| wire::bytes_field(any, 1, b"password=swordfish"));
    });
    // One resource of both: later fields of a message are added to earlier ones.
    let inner = |bytes: &[u8]| last_of(&last_of(bytes)).to_vec();
    let both = [inner(&once), inner(&more)].concat();
    more.clear();
    wire::message_field(&mut more, 1, |group| wire::bytes_field(group, 1, &both));
    let (clean, _) = redactor.redact(Signal::Traces, &more).unwrap();
    let json = spanlayer_otlp::json::from_protobuf(Signal::Traces, &clean).unwrap();
    assert_eq!(json.matches("redaction.masked.").count(), 2, "{json}");
    assert!(json.contains(r#"{"key":"redaction.masked.count","value":{"intValue":"2"}}"#), "{json}");
    assert!(json.contains(r#"{"stringValue":"key,assignment"}"#), "{json}");
}

fn last_of(message: &[u8]) -> Vec<u8> {
    Fields::new(message).last().unwrap().unwrap().bytes().unwrap().to_vec()
}

#[test]
fn unknown_fields_survive() {
    let mut bytes = text_attribute("password", "hunter2");
    wire::bytes_field(&mut bytes, 900, b"from the future");
    let (clean, _) = redactor_of("credentials").redact(Signal::Traces, &bytes).unwrap();
    let last = Fields::new(&clean).last().unwrap().unwrap();
    assert_eq!((last.number, last.bytes()), (900, Some(&b"from the future"[..])));
}

fn redactor_of(name: &str) -> Redactor {
    let mut rules = Rules::none();
    rules.add_named(name).unwrap();
    Redactor::new(rules).unwrap()
}

#[test]
fn a_hundred_thousand_clean_values_raise_no_alarm() {
    let redactor = everything();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for round in 0..100_000 {
        let (a, b) = (draw(), draw());
        let value = match round % 16 {
            0 => format!(
                "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
                a as u32,
                a as u16,
                b & 0xfff,
                a >> 52,
                b >> 16
            ),
            1 => format!("{a:016x}{b:016x}"),
            2 => format!("{a:016x}{b:016x}{:016x}{:016x}", draw(), draw()),
            3 => (1_767_000_000_000_000_000 + a % 100_000_000_000_000_000).to_string(),
            4 => (1_767_000_000_000 + a % 100_000_000_000).to_string(),
            5 => (a % 1_000_000_000_000).to_string(),
            6 => format!("{}.{:02} EUR", a % 100_000, b % 100),
            7 => format!("+49 {} {}", 100 + a % 900, 1_000_000 + b % 9_000_000),
            8 => format!("(555) {:03}-{:04}", a % 1000, b % 10_000),
            9 => format!(
                "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                1 + a % 12,
                1 + b % 28,
                a % 24,
                b % 60,
                a % 60,
                b % 1_000_000
            ),
            10 => format!("/orders/{}/items?page={}&size=50&sort=token", a % 1_000_000, b % 100),
            11 => format!(
                "arn:aws:lambda:eu-central-1:{:012}:function:orders-{}",
                a % 1_000_000_000_000,
                b % 100
            ),
            12 => format!("{}", f64::from_bits(a & 0x3fff_ffff_ffff_ffff)),
            13 => format!(
                "SELECT id, token, secret FROM keys WHERE id = {} AND password IS NOT NULL",
                a % 10_000
            ),
            14 => format!("10.{}.{}.{}:{}", a % 256, b % 256, (a >> 9) % 256, 1024 + b % 60_000),
            _ => format!("1-{:08x}-{:012x}{:012x}", a as u32, b >> 16, a >> 16),
        };
        assert_eq!(redactor.redact_text(&value), None, "{value}");
    }
}

#[test]
fn what_a_hostile_text_costs_grows_with_its_length_and_not_with_its_square() {
    let redactor = everything();
    for part in
        ["eyJ", "AKIA", "secret", ";=", "axoxb-", "?sig=a&", "a@b.cc ", "bearer ", "://:", "password="]
    {
        let text = part.repeat((1 << 18) / part.len()) + " password=x";
        let start = spanlayer_host::clock::monotonic();
        redactor.redact_text(&text);
        let took = start.elapsed();
        assert!(took < std::time::Duration::from_secs(5), "{part}: {took:?}");
    }
}

#[test]
fn credentials_at_the_end_of_a_sentence_are_found() {
    let redactor = redactor_of("auth_header");
    let clean = redactor.redact_text("It sent Basic dXNlcjpwYXNzd29yZA. Then it failed.");
    assert_eq!(clean.as_deref(), Some("It sent Basic ****. Then it failed."));
}
