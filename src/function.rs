//! The function that this process is, as Lambda's variables and the invoked ARN say.

use spanlayer_host::vars::Vars;

/// What Lambda says about the function.
#[derive(Clone, Debug, Default)]
pub(crate) struct Function {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) region: Option<String>,
    /// In megabytes.
    pub(crate) memory: Option<i64>,
    pub(crate) log_group: Option<String>,
    pub(crate) log_stream: Option<String>,
    /// The environment was made before any request asked for it, so nobody waited for its start.
    pub(crate) initialized_ahead: bool,
    /// What is made before the first invocation is made once, and then restored in many environments (SnapStart).
    pub(crate) is_snapshot: bool,
}

impl Function {
    pub(crate) fn read(vars: &dyn Vars) -> Self {
        let kind = vars.get("AWS_LAMBDA_INITIALIZATION_TYPE").unwrap_or_default();
        let ahead = ["provisioned-concurrency", "snap-start", "lambda-managed-instances"];
        Self {
            name: vars.get("AWS_LAMBDA_FUNCTION_NAME"),
            version: vars.get("AWS_LAMBDA_FUNCTION_VERSION"),
            region: vars.get("AWS_REGION").or_else(|| vars.get("AWS_DEFAULT_REGION")),
            memory: vars.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE").and_then(|text| text.parse().ok()),
            log_group: vars.get("AWS_LAMBDA_LOG_GROUP_NAME"),
            log_stream: vars.get("AWS_LAMBDA_LOG_STREAM_NAME"),
            initialized_ahead: ahead.contains(&kind.as_str()),
            is_snapshot: kind == "snap-start",
        }
    }

    /// The name; `function` outside Lambda.
    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or("function")
    }

    /// The ARN with an alias replaced by the version that it stood for (semantic conventions, *AWS Lambda*:
    /// `cloud.resource_id`). `None` for what is not a function's ARN.
    pub(crate) fn resolved_arn(&self, invoked: &str) -> Option<String> {
        // arn:aws:lambda:us-east-1:123456789012:function:orders:live
        let mut parts = invoked.split(':');
        if parts.next() != Some("arn") || parts.clone().nth(4) != Some("function") {
            return None;
        }
        match (parts.nth(6), &self.version) {
            (Some(alias), Some(version)) => {
                Some(format!("{}{version}", invoked.strip_suffix(alias).unwrap_or(invoked)))
            }
            _ => Some(invoked.to_owned()),
        }
    }
}

/// The account in an ARN.
pub(crate) fn account(arn: &str) -> Option<&str> {
    let mut parts = arn.split(':');
    (parts.next() == Some("arn")).then(|| parts.nth(3)).flatten().filter(|account| !account.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alias_gives_way_to_the_version_it_stood_for() {
        let function = Function { version: Some("7".to_owned()), ..Function::default() };
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:orders";
        assert_eq!(function.resolved_arn(&format!("{arn}:live")), Some(format!("{arn}:7")));
        assert_eq!(function.resolved_arn(arn), Some(arn.to_owned()));
        assert_eq!(account(arn), Some("123456789012"));
    }

    #[test]
    fn what_is_no_function_arn_is_not_claimed_to_be_one() {
        let function = Function::default();
        for arn in ["", "arn", "No header found.", "arn:aws:s3:::bucket", "arn:aws:lambda"] {
            assert_eq!(function.resolved_arn(arn), None, "{arn}");
        }
        assert_eq!(account("No header found."), None);
    }
}
