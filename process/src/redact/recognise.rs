//! The recognisers of values: what each looks for in a text, by hand, so that each says exactly what it takes for a
//! secret and what not.

use spanlayer_otlp::json::text::unbase64;
use std::ops::Range;

/// A kind of secret that is known by its look, in the order in which they are tried: the most specific first, since what
/// several take for a secret is counted as what the first does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Recogniser {
    /// Private keys in PEM.
    PrivateKey,
    /// JSON Web Tokens, signed or encrypted (RFC 7519).
    Jwt,
    /// AWS access key ids: `AKIA…`, `ASIA…`.
    AwsAccessKey,
    /// AWS secret access keys, where a name that has `secret` stands before them.
    AwsSecretKey,
    /// What follows `Bearer` and `Basic` (RFC 6750, RFC 7617).
    AuthHeader,
    /// User and password in a URL.
    UrlCredentials,
    /// Signatures, tokens and keys among the parameters of a URL.
    SignedQuery,
    /// Tokens of well-known vendors, known by their prefix.
    VendorToken,
    /// `password=…`, `"api_key": "…"` and the like within a text.
    Assignment,
    /// Addresses of e-mail.
    Email,
    /// Numbers of payment cards: issuer, length, Luhn's check digit.
    Card,
}

impl Recogniser {
    /// All of them, in their order.
    pub const ALL: [Self; 11] = [
        Self::PrivateKey,
        Self::Jwt,
        Self::AwsAccessKey,
        Self::AwsSecretKey,
        Self::AuthHeader,
        Self::UrlCredentials,
        Self::SignedQuery,
        Self::VendorToken,
        Self::Assignment,
        Self::Email,
        Self::Card,
    ];

    /// The name in settings, summaries and counters.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::AwsAccessKey => "aws_access_key",
            Self::AwsSecretKey => "aws_secret_key",
            Self::AuthHeader => "auth_header",
            Self::PrivateKey => "private_key",
            Self::UrlCredentials => "url_credentials",
            Self::SignedQuery => "signed_query",
            Self::VendorToken => "vendor_token",
            Self::Assignment => "assignment",
            Self::Email => "email",
            Self::Card => "card",
        }
    }

    /// The one with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.name() == name)
    }

    /// Whether it looks for what opens doors, rather than for what tells of people.
    pub const fn is_credential(self) -> bool {
        !matches!(self, Self::Email | Self::Card)
    }

    /// Literals, in any case, of which at least one is in everything that it finds. None for those that go by other
    /// signs.
    pub(super) fn literals(self) -> Vec<&'static str> {
        match self {
            Self::Jwt => vec!["eyJ"],
            Self::AwsAccessKey => AWS_PREFIXES.to_vec(),
            Self::AwsSecretKey => vec!["secret"],
            Self::AuthHeader => vec!["bearer ", "basic "],
            Self::PrivateKey => vec!["-----BEGIN "],
            Self::SignedQuery => PARAMETERS.to_vec(),
            Self::VendorToken => VENDORS.iter().map(|vendor| vendor.prefix).collect(),
            Self::Assignment => NAMES.to_vec(),
            Self::UrlCredentials | Self::Email | Self::Card => Vec::new(),
        }
    }

    /// The secrets of this kind in a text: what of it must go, from the first to the last, none of them overlapping. Takes
    /// time in proportion to the text's length, whatever is in it.
    pub(super) fn find(self, text: &str) -> Vec<Range<usize>> {
        let bytes = text.as_bytes();
        match self {
            Self::PrivateKey => starting(bytes, b"-----BEGIN ", private_key),
            Self::Jwt => jwts(bytes),
            Self::AwsAccessKey => starting(bytes, b"A", aws_access_key),
            Self::AwsSecretKey => anycase(bytes, &["secret"], aws_secret_key),
            Self::AuthHeader => anycase(bytes, &["bearer ", "basic "], auth_header),
            Self::UrlCredentials => starting(bytes, b"://", url_credentials),
            Self::SignedQuery => starting(bytes, b"=", signed_query),
            Self::VendorToken => vendor_tokens(bytes),
            Self::Assignment => anycase(bytes, NAMES, assignment),
            Self::Email => starting(bytes, b"@", email),
            Self::Card => cards(bytes),
        }
    }
}

type Found = Option<Range<usize>>;

/// What `check` finds at each place of a sign. What begins within the last that was found is not looked at.
fn starting(bytes: &[u8], sign: &[u8], check: fn(&[u8], usize) -> Found) -> Vec<Range<usize>> {
    apart(memchr::memmem::find_iter(bytes, sign), |at| check(bytes, at))
}

/// The same for names in any case; `check` is given where the name begins and ends.
fn anycase(bytes: &[u8], names: &[&str], check: fn(&[u8], usize, usize) -> Found) -> Vec<Range<usize>> {
    apart(0..bytes.len(), |at| {
        let rest = &bytes[at..];
        let name = names
            .iter()
            .filter(|name| rest.get(..name.len()).is_some_and(|t| t.eq_ignore_ascii_case(name.as_bytes())))
            .max_by_key(|name| name.len())?;
        check(bytes, at, at + name.len())
    })
}

fn apart(places: impl Iterator<Item = usize>, check: impl Fn(usize) -> Found) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for at in places {
        let end = found.last().map_or(0, |last| last.end);
        if at >= end {
            found.extend(check(at).filter(|range| range.start >= end));
        }
    }
    found
}

fn span_of(bytes: &[u8], from: usize, part: impl Fn(u8) -> bool) -> usize {
    bytes.get(from..).unwrap_or_default().iter().take_while(|byte| part(**byte)).count()
}

fn before(bytes: &[u8], at: usize) -> Option<u8> {
    at.checked_sub(1).and_then(|at| bytes.get(at)).copied()
}

const fn url_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

fn alphanumeric(byte: Option<u8>) -> bool {
    byte.is_some_and(|byte| byte.is_ascii_alphanumeric())
}

fn jwts(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut from) = (Vec::new(), 0);
    while let Some(start) = memchr::memmem::find(&bytes[from..], b"eyJ").map(|at| from + at) {
        let header = start + span_of(bytes, start, url_base64);
        let token = jwt(bytes, start, header);
        // What is no token from here is none from a later place of the same part either.
        from = token.as_ref().map_or(header, |token| token.end);
        found.extend(token);
    }
    found
}

/// A token whose first part begins at `at` and ends at `header`.
fn jwt(bytes: &[u8], at: usize, header: usize) -> Found {
    // The shortest header in use is `{"alg":"none"}`; an encrypted token has an empty or a long second part.
    if header - at < 12 || bytes.get(header) != Some(&b'.') {
        return None;
    }
    let claims_at = header + 1;
    let mut end = claims_at + span_of(bytes, claims_at, url_base64);
    let mut parts = 2;
    while bytes.get(end) == Some(&b'.') && parts < 5 {
        end += 1 + span_of(bytes, end + 1, url_base64);
        parts += 1;
    }
    (parts >= 3 && end - claims_at >= 8).then_some(at..end)
}

const AWS_PREFIXES: &[&str] = &["AKIA", "ASIA", "ABIA", "ACCA"];

fn aws_access_key(bytes: &[u8], at: usize) -> Found {
    let rest = &bytes[at..];
    if !AWS_PREFIXES.iter().any(|prefix| rest.starts_with(prefix.as_bytes())) {
        return None;
    }
    let length =
        span_of(&rest[..rest.len().min(21)], 0, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let alone = !alphanumeric(before(bytes, at)) && !alphanumeric(bytes.get(at + length).copied());
    (length == 20 && alone).then_some(at..at + 20)
}

fn aws_secret_key(bytes: &[u8], _: usize, mut at: usize) -> Found {
    // The rest of the name, which is not long, then what assigns.
    let near = &bytes[..bytes.len().min(at + 64)];
    at += span_of(near, at, |byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'-' | b'.'));
    let between =
        span_of(bytes, at, |byte| matches!(byte, b' ' | b'\t' | b'=' | b':' | b'"' | b'\'' | b'\\' | b'>'));
    at += between;
    let key = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'+');
    let near = &bytes[..bytes.len().min(at + 41)];
    (between > 0 && span_of(near, at, key) == 40).then_some(at..at + 40)
}

fn auth_header(bytes: &[u8], start: usize, at: usize) -> Found {
    if alphanumeric(before(bytes, start)) {
        return None;
    }
    let at = at + span_of(bytes, at, |byte| byte == b' ');
    let digit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'+' | b'/');
    if bytes[start + 1].eq_ignore_ascii_case(&b'e') {
        let length = span_of(bytes, at, |byte| digit(byte) || matches!(byte, b'.' | b'~' | b'='));
        let token = &bytes[at..at + length];
        // Words follow too, in prose: a token is long, or has digits.
        let secret = length >= 32 || length >= 8 && token.iter().any(u8::is_ascii_digit);
        return secret.then_some(at..at + length);
    }
    // `user:password`, in base64: as much of it as there is.
    let length = span_of(bytes, at, digit);
    let whole = at..at + length - usize::from(length % 4 == 1);
    let pair = str::from_utf8(&bytes[whole]).ok().and_then(unbase64)?;
    pair.contains(&b':').then(|| at..at + length + span_of(bytes, at + length, |byte| byte == b'='))
}

fn private_key(bytes: &[u8], at: usize) -> Found {
    let head = &bytes[at..bytes.len().min(at + 64)];
    memchr::memmem::find(head, b"PRIVATE KEY")?;
    let end = memchr::memmem::find(&bytes[at..], b"-----END ").map_or(bytes.len(), |end| {
        let end = at + end + 9;
        memchr::memmem::find(&bytes[end..], b"-----").map_or(bytes.len(), |more| end + more + 5)
    });
    Some(at..end)
}

fn url_credentials(bytes: &[u8], at: usize) -> Found {
    let start = at + 3;
    let authority = span_of(bytes, start, |byte| {
        !matches!(byte, b'/' | b'?' | b'#' | b' ' | b'"' | b'\'' | b'<' | b'>' | b'\\')
    });
    let user = memchr::memrchr(b'@', &bytes[start..start + authority])?;
    // A name alone opens nothing.
    let name = memchr::memchr(b':', &bytes[start..start + user])?;
    (name + 1 < user).then_some(start..start + user)
}

/// Ends in `=`: the parameters whose values are secrets.
const PARAMETERS: &[&str] = &[
    "sig=",
    "signature=",
    "token=",
    "credential=",
    "api_key=",
    "apikey=",
    "api-key=",
    "access_key=",
    "client_secret=",
    "secret=",
    "password=",
    "passwd=",
    "pwd=",
    "auth=",
    "authorization=",
    "sas=",
    "jwt=",
    "sessionid=",
];

fn signed_query(bytes: &[u8], at: usize) -> Found {
    let part = |byte: &&u8| url_base64(**byte) || **byte == b'.';
    let name_at = at - bytes[..at].iter().rev().take_while(part).count();
    // Only among the parameters of a URL; elsewhere it is an assignment.
    if !matches!(before(bytes, name_at), Some(b'?' | b'&' | b';')) {
        return None;
    }
    let name = bytes[name_at..=at].to_ascii_lowercase();
    let ends = |parameter: &str| {
        name.strip_suffix(parameter.as_bytes())
            .is_some_and(|rest| rest.last().is_none_or(|&b| !b.is_ascii_alphanumeric()))
    };
    if !PARAMETERS.iter().any(|one| ends(one)) {
        return None;
    }
    let value = span_of(bytes, at + 1, |byte| {
        !matches!(byte, b'&' | b'#' | b'"' | b'\'' | b'<' | b'>' | b'\\') && !byte.is_ascii_whitespace()
    });
    (value > 0).then_some(at + 1..at + 1 + value)
}

/// What a vendor's tokens look like.
struct Vendor {
    prefix: &'static str,
    /// How many characters follow at least.
    least: usize,
    part: fn(u8) -> bool,
}

const fn letters(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

const fn dotted(byte: u8) -> bool {
    url_base64(byte) || byte == b'.'
}

const VENDORS: &[Vendor] = &[
    Vendor { prefix: "ghp_", least: 36, part: letters },
    Vendor { prefix: "gho_", least: 36, part: letters },
    Vendor { prefix: "ghu_", least: 36, part: letters },
    Vendor { prefix: "ghs_", least: 36, part: letters },
    Vendor { prefix: "ghr_", least: 36, part: letters },
    Vendor { prefix: "github_pat_", least: 22, part: url_base64 },
    Vendor { prefix: "glpat-", least: 20, part: dotted },
    Vendor { prefix: "xoxa-", least: 10, part: url_base64 },
    Vendor { prefix: "xoxb-", least: 10, part: url_base64 },
    Vendor { prefix: "xoxp-", least: 10, part: url_base64 },
    Vendor { prefix: "xoxr-", least: 10, part: url_base64 },
    Vendor { prefix: "xoxs-", least: 10, part: url_base64 },
    Vendor { prefix: "xapp-", least: 10, part: url_base64 },
    Vendor { prefix: "sk_live_", least: 16, part: letters },
    Vendor { prefix: "sk_test_", least: 16, part: letters },
    Vendor { prefix: "rk_live_", least: 16, part: letters },
    Vendor { prefix: "whsec_", least: 16, part: letters },
    Vendor { prefix: "sk-ant-", least: 20, part: url_base64 },
    Vendor { prefix: "sk-proj-", least: 20, part: url_base64 },
    Vendor { prefix: "AIza", least: 35, part: url_base64 },
    Vendor { prefix: "npm_", least: 36, part: letters },
    Vendor { prefix: "pypi-AgEI", least: 50, part: url_base64 },
    Vendor { prefix: "hf_", least: 30, part: letters },
    Vendor { prefix: "SG.", least: 60, part: dotted },
    Vendor { prefix: "dop_v1_", least: 60, part: letters },
    Vendor { prefix: "shpat_", least: 32, part: letters },
    Vendor { prefix: "NRAK-", least: 27, part: letters },
    Vendor { prefix: "glc_", least: 32, part: letters },
    Vendor { prefix: "dt0c01.", least: 64, part: dotted },
    Vendor { prefix: "lin_api_", least: 32, part: letters },
];

fn vendor_tokens(bytes: &[u8]) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = VENDORS.iter().flat_map(|vendor| vendor.tokens(bytes)).collect();
    all.sort_by_key(|token| token.start);
    let mut end = 0;
    all.retain(|token| {
        let after = token.start >= end;
        end = if after { token.end } else { end };
        after
    });
    all
}

impl Vendor {
    fn tokens(&self, bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
        memchr::memmem::find_iter(bytes, self.prefix).filter_map(move |at| {
            // First, since what goes on from before is as long as it likes.
            if before(bytes, at).is_some_and(url_base64) {
                return None;
            }
            let body = at + self.prefix.len();
            let length = span_of(bytes, body, self.part);
            (length >= self.least).then_some(at..body + length)
        })
    }
}

/// What secrets are called where something is assigned to them.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "secret",
    "secret_key",
    "secret_access_key",
    "secretaccesskey",
    "secretkey",
    "client_secret",
    "api_key",
    "api-key",
    "apikey",
    "access_token",
    "accesstoken",
    "auth_token",
    "authtoken",
    "refresh_token",
    "refreshtoken",
    "id_token",
    "session_token",
    "sessiontoken",
    "security-token",
    "private_key",
    "privatekey",
    "authorization",
    "set-cookie",
];

fn assignment(bytes: &[u8], _: usize, at: usize) -> Found {
    // `password=x`, `password: x`, `"password":"x"`, and the last within a string of JSON.
    let quote = |byte: u8| matches!(byte, b'"' | b'\'' | b'\\');
    let mut at = at + span_of(bytes, at, quote);
    at += span_of(bytes, at, |byte| byte == b' ');
    if !matches!(bytes.get(at), Some(b'=' | b':')) || bytes[at + 1..].starts_with(b"//") {
        return None;
    }
    at += 1 + span_of(bytes, at + 1, |byte| matches!(byte, b' ' | b'=' | b'>'));
    let quotes = span_of(bytes, at, quote);
    at += quotes;
    let length = if quotes > 0 {
        span_of(bytes, at, |byte| !quote(byte))
    } else {
        span_of(bytes, at, |byte| {
            !byte.is_ascii_whitespace()
                && !matches!(byte, b',' | b';' | b'&' | b'}' | b')' | b']' | b'"' | b'\'')
        })
    };
    let value = at..at + length;
    let plain = |text: &[u8]| matches!(text, b"null" | b"true" | b"false" | b"{" | b"[");
    (length > 0 && !plain(&bytes[value.clone()])).then_some(value)
}

fn email(bytes: &[u8], at: usize) -> Found {
    let local = |byte: &&u8| url_base64(**byte) || matches!(**byte, b'.' | b'%' | b'+');
    let start = at - bytes[..at].iter().rev().take_while(local).count();
    let mut domain =
        span_of(bytes, at + 1, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    while domain > 0 && matches!(bytes[at + domain], b'.' | b'-') {
        domain -= 1;
    }
    let name = &bytes[at + 1..at + 1 + domain];
    let last = name.rsplit(|byte| *byte == b'.').next()?;
    let real =
        start < at && last.len() < name.len() && last.len() >= 2 && last.iter().all(u8::is_ascii_alphabetic);
    real.then_some(start..at + 1 + domain)
}

fn cards(bytes: &[u8]) -> Vec<Range<usize>> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at].is_ascii_digit() {
            let end = run_of_digits(bytes, at);
            found.extend(is_card(bytes, at..end).then_some(at..end));
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

/// The end of digits with single spaces or hyphens between them.
fn run_of_digits(bytes: &[u8], start: usize) -> usize {
    let mut end = start;
    while end < bytes.len() {
        let separated =
            matches!(bytes[end], b' ' | b'-') && bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        if !bytes[end].is_ascii_digit() && !separated {
            break;
        }
        end += 1;
    }
    end
}

fn is_card(bytes: &[u8], run: Range<usize>) -> bool {
    // Part of a hexadecimal number, an id, or a fraction.
    let joins = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'+'))
    };
    let after = bytes.get(run.end).copied();
    let stop = after == Some(b'.') && !alphanumeric(bytes.get(run.end + 1).copied());
    if joins(before(bytes, run.start)) || joins(after) && !stop {
        return false;
    }
    let text = &bytes[run];
    let groups: Vec<usize> = text.split(|byte| !byte.is_ascii_digit()).map(<[u8]>::len).collect();
    let usual = matches!(groups[..], [_] | [4, 4, 4, 4] | [4, 6, 5] | [4, 6, 4] | [4, 4, 4, 4, 3]);
    let one_separator = {
        let mut separators = text.iter().filter(|byte| !byte.is_ascii_digit());
        let first = separators.next();
        separators.all(|other| Some(other) == first)
    };
    let digits: Vec<u8> = text.iter().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0').collect();
    usual
        && one_separator
        && issued(&digits)
        && luhn(&digits)
        && digits.windows(2).any(|two| two[0] != two[1])
}

/// The issuers' prefixes and lengths (ISO/IEC 7812, and the networks' own lists).
fn issued(digits: &[u8]) -> bool {
    let prefix =
        |count: usize| digits.iter().take(count).fold(0u32, |sum, digit| sum * 10 + u32::from(*digit));
    match digits.len() {
        13 | 19 => prefix(1) == 4 || digits.len() == 19 && prefix(2) == 62,
        14 => matches!(prefix(3), 300..=305) || matches!(prefix(2), 36 | 38),
        15 => matches!(prefix(2), 34 | 37),
        16 => {
            prefix(1) == 4
                || matches!(prefix(2), 51..=55 | 62 | 65)
                || matches!(prefix(4), 2221..=2720 | 3528..=3589 | 6011)
                || matches!(prefix(3), 644..=649)
        }
        _ => false,
    }
}

fn luhn(digits: &[u8]) -> bool {
    let doubled = |digit: u8| if digit > 4 { digit * 2 - 9 } else { digit * 2 };
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| u32::from(if place % 2 == 1 { doubled(*digit) } else { *digit }))
        .sum();
    sum.is_multiple_of(10)
}
