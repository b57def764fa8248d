//! Amazon Resource Names: `arn:partition:service:region:account:resource`.

/// An ARN's parts, as far as they matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Arn<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    /// Everything behind the account, colons included.
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    /// `None` for what is not an ARN, or names no resource.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (partition, rest) = at_colon(text.strip_prefix("arn:")?)?;
        let (service, rest) = at_colon(rest)?;
        let (region, rest) = at_colon(rest)?;
        let (account, resource) = at_colon(rest)?;
        (!resource.is_empty()).then_some(Self { partition, service, region, account, resource })
    }

    /// The `NAME` of a resource `kind/NAME` or `kind/NAME/more`.
    pub(super) fn name_of(&self, kind: &str) -> Option<&'a str> {
        let name = self.resource.strip_prefix(kind)?.strip_prefix('/')?.split('/').next()?;
        (!name.is_empty()).then_some(name)
    }
}

/// What is before and behind the first colon: for parts so short that searching byte by byte takes least.
pub(super) fn at_colon(text: &str) -> Option<(&str, &str)> {
    let colon = text.bytes().position(|byte| byte == b':')?;
    Some((&text[..colon], &text[colon + 1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_keeps_its_colons_and_gives_its_name() {
        let arn = Arn::parse("arn:aws:dynamodb:us-east-1:1:table/T/stream/2016-12-01T00:00:00.000").unwrap();
        assert_eq!((arn.service, arn.region, arn.name_of("table")), ("dynamodb", "us-east-1", Some("T")));
        assert_eq!(arn.name_of("tab"), None);
        for wrong in ["", "arn:", "arn:aws:sqs:eu-west-1:1", "arn:aws:sqs:eu-west-1:1:", "sqs:eu-west-1:1:q"]
        {
            assert_eq!(Arn::parse(wrong), None, "{wrong}");
        }
    }
}
