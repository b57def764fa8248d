//! Which attributes are secret by their name.

use crate::glob;

/// A rule for names: exact, or with `*` for any characters. The case of ASCII letters does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Box<str>);

impl Pattern {
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.to_ascii_lowercase().into())
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        glob(self.0.as_bytes(), name.as_bytes(), b'*', |one, other| one == other.to_ascii_lowercase())
    }

    /// The longest run of plain characters: what every name that matches has in it.
    pub(super) fn literal(&self) -> &str {
        self.0.split('*').max_by_key(|part| part.len()).unwrap_or_default()
    }
}

/// Whether a name is that of a credential: its last part, without separators, is or ends in one of the words that
/// everybody uses for them. The part decides, so that `aws.secretsmanager.secret.arn` stays.
pub(super) fn is_credential(name: &str) -> bool {
    let last = name.rsplit(['.', '/']).next().unwrap_or(name);
    let plain: Vec<u8> = last
        .bytes()
        .filter(|byte| byte.is_ascii_alphanumeric())
        .map(|byte| byte.to_ascii_lowercase())
        .collect();
    CREDENTIALS.iter().any(|word| plain == word.as_bytes())
        || ENDINGS.iter().any(|word| plain.ends_with(word.as_bytes()))
}

const CREDENTIALS: &[&str] =
    &["pwd", "token", "cookie", "cookies", "authorization", "credentials", "passphrase"];

const ENDINGS: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "secretkey",
    "secretaccesskey",
    "apikey",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "authtoken",
    "sessiontoken",
    "securitytoken",
    "bearertoken",
    "privatekey",
    "setcookie",
    "proxyauthorization",
];

/// Of every name that [`is_credential`] takes, one is in it: separators may stand between words, so only words.
pub(super) const LITERALS: &[&str] =
    &["pwd", "token", "cookie", "authorization", "credentials", "pass", "secret", "key"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_credentials_are_known_and_names_of_their_whereabouts_are_not() {
        for name in [
            "password",
            "db.password",
            "DB_PASSWORD",
            "http.request.header.authorization",
            "x-api-key",
            "apiKey",
            "http.response.header.set-cookie",
            "client_secret",
            "aws.secret_access_key",
            "session-token",
            "pwd",
            "Token",
        ] {
            assert!(is_credential(name), "{name}");
            assert!(LITERALS.iter().any(|word| name.to_lowercase().contains(word)), "{name}");
        }
        for name in [
            "aws.secretsmanager.secret.arn",
            "gen_ai.usage.input_tokens",
            "gen_ai.token.type",
            "secret.name",
            "keyboard",
            "http.route",
            "password_reset_count",
            "cookie.count",
            "db.operation.name",
            "aws.dynamodb.table_names",
        ] {
            assert!(!is_credential(name), "{name}");
        }
    }

    #[test]
    fn a_star_stands_for_any_characters() {
        let matches = |pattern: &str, name: &str| Pattern::new(pattern).matches(name);
        assert!(matches("user.*.ssn", "user.home.SSN") && matches("*", "") && matches("a*b*c", "axxbyyc"));
        assert!(matches("KUNDE.Ü*", "kunde.Üser"), "other letters than ASCII's match as they are written");
        assert!(!matches("user.*.ssn", "user.ssn") && !matches("ssn", "ssn2") && !matches("a*b", "ac"));
    }
}
