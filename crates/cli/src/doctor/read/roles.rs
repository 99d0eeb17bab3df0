//! What: Reads from IAM what the role of a function allows: its own policies, and those that are attached to it.
//!
//! Limits: AWS's own policies are known by their names alone, and so are boundaries. Policies of the organization are
//! not read.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::call::{Failed, Service};
use super::xml::Shape;
use crate::doctor::deployed::{Looked, Role};
use crate::doctor::finding::Why;
use crate::doctor::grant::{Grant, grants, trusts};

const VERSION: &str = "2010-05-08";

const ROLE: Shape = Shape::Fields(&[("GetRoleResult", Shape::Fields(&[("Role", Shape::Fields(&OF_ROLE))]))]);
const OF_ROLE: [(&str, Shape); 2] = [
    ("AssumeRolePolicyDocument", Shape::Text),
    ("PermissionsBoundary", Shape::Fields(&[("PermissionsBoundaryArn", Shape::Text)])),
];
const NAMES: Shape = Shape::Fields(&[(
    "ListRolePoliciesResult",
    Shape::Fields(&[("PolicyNames", Shape::Members(&Shape::Text)), ("Marker", Shape::Text)]),
)]);
const INLINE: Shape = Shape::Fields(&[("GetRolePolicyResult", Shape::Fields(&[("PolicyDocument", Shape::Text)]))]);
const ATTACHED: Shape = Shape::Fields(&[(
    "ListAttachedRolePoliciesResult",
    Shape::Fields(&[
        ("AttachedPolicies", Shape::Members(&Shape::Fields(&[("PolicyArn", Shape::Text)]))),
        ("Marker", Shape::Text),
    ]),
)]);
const POLICY: Shape = Shape::Fields(&[(
    "GetPolicyResult",
    Shape::Fields(&[("Policy", Shape::Fields(&[("DefaultVersionId", Shape::Text)]))]),
)]);
const DOCUMENT: Shape = Shape::Fields(&[(
    "GetPolicyVersionResult",
    Shape::Fields(&[("PolicyVersion", Shape::Fields(&[("Document", Shape::Text)]))]),
)]);

/// Reads what a role allows.
pub async fn role(iam: &Service, name: &str) -> Looked<Role> {
    let names = match listed(iam, "ListRolePolicies", name, &NAMES, "PolicyNames").await {
        Ok(names) => names,
        Err(failed) => return failed.looked(),
    };
    let attached = match listed(iam, "ListAttachedRolePolicies", name, &ATTACHED, "AttachedPolicies").await {
        Ok(attached) => attached,
        Err(failed) => return failed.looked(),
    };
    let (trusts, boundary) = trust(iam, name).await;
    let mut role = Role { grants: Vec::new(), trusts, boundary, managed: Vec::new(), unread: Vec::new() };
    for policy in names.iter().filter_map(Value::as_str) {
        let input = [("RoleName", name), ("PolicyName", policy)];
        let read = iam.query(VERSION, "GetRolePolicy", &input, &INLINE).await;
        role.add(policy, read.and_then(|told| document(&told, "/GetRolePolicyResult/PolicyDocument")));
    }
    for arn in attached.iter().filter_map(|policy| policy.get("PolicyArn")?.as_str()) {
        match arn.split_once(":iam::aws:policy/") {
            Some((_, own)) => role.managed.push(own.rsplit('/').next().unwrap_or(own).to_owned()),
            None => {
                let read = managed(iam, arn).await;
                role.add(arn, read);
            }
        }
    }
    Looked::Is(role)
}

/// Who may take a role, and the policy that bounds it.
async fn trust(iam: &Service, name: &str) -> (Looked<Vec<String>>, Option<String>) {
    let told = match iam.query(VERSION, "GetRole", &[("RoleName", name)], &ROLE).await {
        Ok(told) => told,
        Err(failed) => return (failed.looked(), None),
    };
    let role = "/GetRoleResult/Role";
    let boundary = told.pointer(&format!("{role}/PermissionsBoundary/PermissionsBoundaryArn")).and_then(Value::as_str);
    let policy = policy(&told, &format!("{role}/AssumeRolePolicyDocument"));
    let trusts = policy.map_or_else(Failed::looked, |policy| Looked::Is(trusts(&policy)));
    (trusts, boundary.map(str::to_owned))
}

impl Role {
    fn add(&mut self, policy: &str, read: Result<Vec<Grant>, Failed>) {
        match read {
            Ok(grants) => self.grants.extend(grants),
            Err(Failed::NoRight(action)) => self.unread.push((policy.to_owned(), Why::NoRight(action))),
            Err(Failed::Missing(text)) => self.unread.push((policy.to_owned(), Why::Untold(text))),
            Err(Failed::NoAnswer(text)) => self.unread.push((policy.to_owned(), Why::NoAnswer(text))),
        }
    }
}

/// All entries of a list about a role.
async fn listed(iam: &Service, action: &str, role: &str, shape: &Shape, list: &str) -> Result<Vec<Value>, Failed> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let mut input = vec![("RoleName", role)];
        if !next.is_empty() {
            input.push(("Marker", &next));
        }
        let answer = iam.query(VERSION, action, &input, shape).await?;
        let page = answer.get(format!("{action}Result")).cloned().unwrap_or_default();
        all.extend(page.get(list).and_then(Value::as_array).cloned().unwrap_or_default());
        next = page.get("Marker").and_then(Value::as_str).unwrap_or_default().to_owned();
        if next.is_empty() {
            return Ok(all);
        }
    }
}

/// What a policy of this account says now.
async fn managed(iam: &Service, arn: &str) -> Result<Vec<Grant>, Failed> {
    let told = iam.query(VERSION, "GetPolicy", &[("PolicyArn", arn)], &POLICY).await?;
    let version = told.pointer("/GetPolicyResult/Policy/DefaultVersionId").and_then(Value::as_str).unwrap_or_default();
    let input = [("PolicyArn", arn), ("VersionId", version)];
    let told = iam.query(VERSION, "GetPolicyVersion", &input, &DOCUMENT).await?;
    document(&told, "/GetPolicyVersionResult/PolicyVersion/Document")
}

/// The grants of a policy.
fn document(told: &Value, path: &str) -> Result<Vec<Grant>, Failed> {
    Ok(grants(&policy(told, path)?))
}

/// A policy, which IAM writes as an escaped text.
fn policy(told: &Value, path: &str) -> Result<Value, Failed> {
    let escaped = told.pointer(path).and_then(Value::as_str).unwrap_or_default();
    let text = percent_decode_str(escaped).decode_utf8_lossy();
    serde_json::from_str(&text).map_err(|error| Failed::NoAnswer(format!("a policy could not be understood: {error}")))
}
