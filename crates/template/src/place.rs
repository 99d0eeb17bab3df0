//! What: Where a stack is: what `AWS::Region` and its like stand for, and the ids that AWS gave to resources.
//!
//! A local run has made-up values. A stack that is deployed has those that CloudFormation tells.

use std::collections::BTreeMap;

/// Stands in a text for what only AWS knows. No value of a template has this character.
pub const UNKNOWN: &str = "…";

/// The account of a local run.
const LOCAL_ACCOUNT: &str = "000000000000";

/// Where a stack is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// `AWS::Partition`.
    pub partition: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::AccountId`.
    pub account: String,
    /// `AWS::StackName`.
    pub stack_name: String,
    /// `AWS::StackId`.
    pub stack_id: String,
    /// The ids of resources, by their names in the template. That of a nested resource has the names of the stacks
    /// around it before its own, with dots between. `None`: a local run, which gives names to all.
    pub ids: Option<BTreeMap<String, String>>,
}

impl Default for Place {
    fn default() -> Self {
        Self {
            partition: "aws".into(),
            region: giro::aws::LOCAL_REGION.into(),
            account: LOCAL_ACCOUNT.into(),
            stack_name: "giro".into(),
            stack_id: "arn:aws:cloudformation:local:000000000000:stack/giro/local".into(),
            ids: None,
        }
    }
}

impl Place {
    /// The place of a deployed stack, from its id, without any resources yet. `None`: the text is no such id.
    #[must_use]
    pub fn of_stack(id: &str) -> Option<Self> {
        let mut parts = id.splitn(6, ':');
        let ("arn", partition, "cloudformation") = (parts.next()?, parts.next()?, parts.next()?) else { return None };
        let (region, account, rest) = (parts.next()?, parts.next()?, parts.next()?);
        let stack_name = rest.strip_prefix("stack/")?.split('/').next()?;
        Some(Self {
            partition: partition.to_owned(),
            region: region.to_owned(),
            account: account.to_owned(),
            stack_name: stack_name.to_owned(),
            stack_id: id.to_owned(),
            ids: Some(BTreeMap::new()),
        })
    }

    /// The id of a resource, where AWS gave one. `None`: this is a local run.
    pub(crate) fn id(&self, path: &str) -> Option<&str> {
        let ids = self.ids.as_ref()?;
        Some(ids.get(path).map_or(UNKNOWN, String::as_str))
    }

    pub(crate) fn arn(&self, service: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{}:{}:{resource}", self.partition, self.region, self.account)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_stack_says_where_it_is() {
        let place = Place::of_stack("arn:aws-cn:cloudformation:cn-north-1:210987654321:stack/giro-prod/47e8").unwrap();
        assert_eq!((place.partition.as_str(), place.region.as_str()), ("aws-cn", "cn-north-1"));
        assert_eq!((place.account.as_str(), place.stack_name.as_str()), ("210987654321", "giro-prod"));
        for bad in ["", "giro-prod", "arn:aws:s3:::bucket", "arn:aws:cloudformation:eu-central-1:1:changeSet/a/b"] {
            assert_eq!(Place::of_stack(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_aws_knows_of_a_stack_stands_for_it() {
        let mut place = Place::of_stack("arn:aws:cloudformation:eu-west-1:210987654321:stack/giro/1").unwrap();
        place.ids = Some(BTreeMap::from([("Access.Policy".to_owned(), "arn:policy".to_owned())]));
        assert_eq!((place.id("Access.Policy"), place.id("Policy")), (Some("arn:policy"), Some(UNKNOWN)));
        assert_eq!(place.arn("sqs", "queue"), "arn:aws:sqs:eu-west-1:210987654321:queue");
        assert_eq!(Place::default().id("Access.Policy"), None, "a local run gives names to all");
    }
}
