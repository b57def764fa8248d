//! Values as settings write them: text, and references to where the rest is, in the Collector's syntax.

use std::{fmt, path::PathBuf};

use crate::Secret;

/// A text that may be made of parts that lie elsewhere. As text:
///
/// | | |
/// |---|---|
/// | `${env:NAME}` | an environment variable |
/// | `${file:/path}` | a file's contents, without the line break at its end; read anew for each request |
/// | `${secretsmanager:ID}` | a secret of AWS Secrets Manager, by name or ARN; `#key` picks a member of a JSON object, `?stage=AWSPREVIOUS` or `?version=…` another version |
/// | `${ssm:NAME}` | a parameter of AWS Systems Manager, decrypted |
/// | `$$` | a dollar sign |
///
/// Everything else is itself. `Debug` shows where parts are from, and nothing else.
///
/// ```
/// use spanlayer_pipeline::auth::Value;
///
/// let value = Value::parse("Bearer ${secretsmanager:prod/otlp?stage=AWSCURRENT#token}")?;
/// assert_eq!(format!("{value:?}"), "***${secretsmanager:prod/otlp?stage=AWSCURRENT#token}");
/// assert!(Value::parse("${vault:x}").is_err());
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Value(pub(super) Vec<Part>);

#[derive(Clone, PartialEq, Eq)]
pub(super) enum Part {
    Text(Secret),
    From(Reference),
}

/// Where a part is.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Reference {
    Env(String),
    File(PathBuf),
    SecretsManager { id: String, key: Option<String>, stage: Option<String>, version: Option<String> },
    Ssm(String),
}

impl Value {
    /// A text that is all there is.
    pub fn text(text: impl Into<String>) -> Self {
        Self(vec![Part::Text(Secret::new(text))])
    }

    /// Reads a text with references.
    ///
    /// # Errors
    ///
    /// Which reference is wrong, and what would be right; without the text around it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some((before, after)) = rest.split_once('$') {
            plain.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                plain.push('$');
                rest = after;
            } else if let Some(inner) = after.strip_prefix('{') {
                let (inner, after) = inner.split_once('}').ok_or("a reference `${` has no end `}`")?;
                if !plain.is_empty() {
                    parts.push(Part::Text(Secret::new(std::mem::take(&mut plain))));
                }
                parts.push(Part::From(Reference::parse(inner)?));
                rest = after;
            } else {
                plain.push('$');
                rest = after;
            }
        }
        plain.push_str(rest);
        if !plain.is_empty() || parts.is_empty() {
            parts.push(Part::Text(Secret::new(plain)));
        }
        Ok(Self(parts))
    }

    /// The text, if all of it is here.
    pub fn as_text(&self) -> Option<&str> {
        match &self.0[..] {
            [Part::Text(text)] => Some(text.reveal()),
            _ => None,
        }
    }

    /// Whether a part of it lies with AWS.
    pub fn needs_aws(&self) -> bool {
        self.0
            .iter()
            .any(|part| matches!(part, Part::From(Reference::SecretsManager { .. } | Reference::Ssm(_))))
    }
}

impl Reference {
    fn parse(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once(':').ok_or(EXPECTED)?;
        if rest.is_empty() {
            return Err(format!("`${{{scheme}:}}` names nothing"));
        }
        match scheme {
            "env" => Ok(Self::Env(rest.to_owned())),
            "file" => Ok(Self::File(rest.into())),
            "ssm" => Ok(Self::Ssm(rest.to_owned())),
            "secretsmanager" => {
                let (rest, key) =
                    rest.split_once('#').map_or((rest, None), |(rest, key)| (rest, Some(key.to_owned())));
                let (id, options) = rest.split_once('?').unwrap_or((rest, ""));
                let (mut stage, mut version) = (None, None);
                for option in options.split('&').filter(|option| !option.is_empty()) {
                    match option.split_once('=') {
                        Some(("stage", text)) => stage = Some(text.to_owned()),
                        Some(("version", text)) => version = Some(text.to_owned()),
                        _ => return Err("after `?` a secret has `stage=` or `version=`".to_owned()),
                    }
                }
                Ok(Self::SecretsManager { id: id.to_owned(), key, stage, version })
            }
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            Part::Text(text) => write!(f, "{text:?}"),
            Part::From(reference) => write!(f, "${{{reference}}}"),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Ssm(name) => write!(f, "ssm:{name}"),
            Self::SecretsManager { id, key, stage, version } => {
                write!(f, "secretsmanager:{id}")?;
                for (sign, text) in [("?stage=", stage), ("?version=", version), ("#", key)] {
                    if let Some(text) = text {
                        write!(f, "{sign}{text}")?;
                    }
                }
                Ok(())
            }
        }
    }
}

const EXPECTED: &str =
    "a reference is `${env:…}`, `${file:…}`, `${secretsmanager:…}` or `${ssm:…}`; `$$` is a dollar sign";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_references_mix_and_show_no_secret() {
        let shown = |text: &str| format!("{:?}", Value::parse(text).unwrap());
        assert_eq!(shown("s3cret"), "***");
        assert_eq!(shown("Bearer ${env:TOKEN}"), "***${env:TOKEN}");
        assert_eq!(shown("${file:/a/b}${ssm:/c/d}"), "${file:/a/b}${ssm:/c/d}");
        let arn = "${secretsmanager:arn:aws:secretsmanager:eu-west-1:123456789012:secret:otlp-AbCdEf#token}";
        assert_eq!(shown(arn), arn);
    }

    #[test]
    fn a_dollar_sign_is_one_unless_a_brace_follows() {
        for (text, meant) in
            [("pa$$word", "pa$word"), ("$x", "$x"), ("a$", "a$"), ("$${env:X}", "${env:X}"), ("", "")]
        {
            assert_eq!(Value::parse(text).unwrap().as_text(), Some(meant), "{text}");
        }
    }

    #[test]
    fn what_is_no_reference_is_refused_without_repeating_it() {
        for wrong in
            ["${s3cret", "${s3cret}", "s3cret${vault:s3cret}", "${env:}", "${secretsmanager:a?s3cret}"]
        {
            let told = Value::parse(wrong).unwrap_err();
            assert!(!told.contains("s3cret"), "{told}");
        }
    }
}
