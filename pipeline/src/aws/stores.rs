//! Where AWS keeps secrets: Secrets Manager and Systems Manager's parameters.

use serde_json::{Value, json};

use super::Aws;
use crate::Secret;

/// A secret of Secrets Manager. `stage` and `version` choose one of its versions; by default the current one.
pub(crate) async fn secret(
    aws: &Aws,
    id: &str,
    stage: Option<&str>,
    version: Option<&str>,
) -> Result<Secret, String> {
    let mut request = json!({ "SecretId": id });
    if let Some(stage) = stage {
        request["VersionStage"] = stage.into();
    }
    if let Some(version) = version {
        request["VersionId"] = version.into();
    }
    let answer =
        aws.call(("SECRETS_MANAGER", "secretsmanager"), "secretsmanager.GetSecretValue", &request).await?;
    text(&answer["SecretString"]).ok_or_else(|| "the secret is binary; expected text".to_owned())
}

/// A parameter of Systems Manager, decrypted.
pub(crate) async fn parameter(aws: &Aws, name: &str) -> Result<Secret, String> {
    let request = json!({ "Name": name, "WithDecryption": true });
    let answer = aws.call(("SSM", "ssm"), "AmazonSSM.GetParameter", &request).await?;
    text(&answer["Parameter"]["Value"]).ok_or_else(|| "the answer holds no value".to_owned())
}

fn text(value: &Value) -> Option<Secret> {
    value.as_str().map(Secret::new)
}
