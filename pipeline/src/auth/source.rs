//! Values as requests need them: put together from where their parts are.

use std::time::Duration;

use spanlayer_host::vars::{Process, Vars as _};

use super::{
    Aws, Value,
    value::{Part, Reference},
};
use crate::{Secret, small_file};

#[cfg(feature = "aws")]
use super::cached::{BoxFuture, Cached, Fetch, Lease};
#[cfg(feature = "aws")]
use crate::aws::stores;

/// How long what AWS said is used. In its last fifth it is asked for again beside a request.
pub const TIME_TO_LIVE: Duration = Duration::from_secs(300);

/// A value that can be asked for.
#[derive(Debug)]
pub(super) struct Live {
    value: Value,
    pieces: Vec<Piece>,
    /// Files and variables as they were last, for masking.
    seen: std::sync::Mutex<Vec<Secret>>,
}

enum Piece {
    Here(Secret),
    Env(String),
    File(std::path::PathBuf),
    #[cfg(feature = "aws")]
    Kept(Cached<Secret>),
    #[cfg(not(feature = "aws"))]
    Nowhere,
}

impl std::fmt::Debug for Piece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Live {
    pub(super) fn new(value: &Value, aws: &Aws) -> Self {
        let pieces = value.0.iter().map(|part| match part {
            Part::Text(text) => Piece::Here(text.clone()),
            Part::From(Reference::Env(name)) => Piece::Env(name.clone()),
            Part::From(Reference::File(path)) => Piece::File(path.clone()),
            #[cfg(feature = "aws")]
            Part::From(reference) => {
                Piece::Kept(Cached::new(Store { reference: reference.clone(), aws: aws.clone() }))
            }
            #[cfg(not(feature = "aws"))]
            Part::From(_) => Piece::Nowhere,
        });
        #[cfg(not(feature = "aws"))]
        let _: &Aws = aws;
        Self { pieces: pieces.collect(), value: value.clone(), seen: Default::default() }
    }

    /// The whole text.
    ///
    /// # Errors
    ///
    /// Which part cannot be had and why.
    pub(super) async fn current(&self) -> Result<Secret, String> {
        let (mut text, mut seen) = (String::new(), Vec::new());
        for (part, piece) in self.value.0.iter().zip(&self.pieces) {
            let found = piece.current().await.map_err(|why| match part {
                Part::From(reference) => format!("{reference}: {why}"),
                Part::Text(_) => why,
            })?;
            text.push_str(found.reveal());
            seen.push(found);
        }
        seen.push(Secret::new(text.clone()));
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = seen;
        Ok(Secret::new(text))
    }

    /// Asks anew for what is kept; says whether a repetition may fare better.
    pub(super) async fn renew(&self) -> Result<bool, String> {
        let mut any = false;
        for (part, piece) in self.value.0.iter().zip(&self.pieces) {
            any |= match piece {
                Piece::Here(_) | Piece::Env(_) => false,
                // Written meanwhile, maybe.
                Piece::File(_) => true,
                #[cfg(feature = "aws")]
                Piece::Kept(kept) => {
                    let renewed = kept.renew().await;
                    renewed.map(|()| true).map_err(|why| match part {
                        Part::From(reference) => format!("{reference}: {why}"),
                        Part::Text(_) => why,
                    })?
                }
                #[cfg(not(feature = "aws"))]
                Piece::Nowhere => false,
            };
            #[cfg(not(feature = "aws"))]
            let _ = part;
        }
        Ok(any)
    }

    /// What requests may have held.
    pub(super) fn known(&self, into: &mut Vec<String>) {
        let seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The whole first.
        into.extend(seen.iter().rev().map(|secret| secret.reveal().to_owned()));
    }
}

impl Piece {
    async fn current(&self) -> Result<Secret, String> {
        match self {
            Self::Here(text) => Ok(text.clone()),
            Self::Env(name) => Process.get(name).map(Secret::new).ok_or_else(|| "is not set".to_owned()),
            // Small and in memory: no slower than asking whether it changed.
            Self::File(path) => {
                let text = small_file::read(path).map_err(|error| format!("cannot be read: {error}"))?;
                let text = String::from_utf8(text).map_err(|_| "cannot be read: it is no text")?;
                Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
            }
            #[cfg(feature = "aws")]
            Self::Kept(kept) => kept.current().await,
            #[cfg(not(feature = "aws"))]
            Self::Nowhere => Err("needs the cargo feature `aws`".to_owned()),
        }
    }
}

/// A secret in one of AWS's stores.
#[cfg(feature = "aws")]
struct Store {
    reference: Reference,
    aws: Aws,
}

#[cfg(feature = "aws")]
impl Fetch<Secret> for Store {
    fn fetch(&self) -> BoxFuture<'_, Result<Lease<Secret>, String>> {
        Box::pin(async move {
            let found = match &self.reference {
                Reference::SecretsManager { id, key, stage, version } => {
                    let whole = stores::secret(&self.aws, id, stage.as_deref(), version.as_deref()).await?;
                    match key {
                        Some(key) => member(&whole, key)?,
                        None => whole,
                    }
                }
                Reference::Ssm(name) => stores::parameter(&self.aws, name).await?,
                Reference::Env(_) | Reference::File(_) => return Err("is not kept by AWS".to_owned()),
            };
            Ok(Lease::lasting(found, TIME_TO_LIVE))
        })
    }
}

/// A member of a JSON object.
#[cfg(feature = "aws")]
fn member(whole: &Secret, key: &str) -> Result<Secret, String> {
    let json: serde_json::Value = serde_json::from_str(whole.reveal())
        .map_err(|_| format!("the secret is no JSON object that has a `{key}`"))?;
    match &json[key] {
        serde_json::Value::String(text) => Ok(Secret::new(text.clone())),
        serde_json::Value::Null => Err(format!("the secret is no JSON object that has a `{key}`")),
        other => Ok(Secret::new(other.to_string())),
    }
}
