//! What may differ in what a role allows.

use giro_cli::doctor::finding::Kind;
use giro_cli::doctor::grant::Grant;

use super::differences::{Case, check};
use super::given::{World, is};

fn grant(action: &str, resource: &str) -> Grant {
    Grant { effect: "Allow".into(), action: action.into(), resource: resource.into(), condition: String::new() }
}

const POLICIES: &[Case] = &[
    (
        |w| w.role("payment-processor").grants.push(grant("dynamodb:DeleteItem", "*")),
        Kind::Policies,
        "role of payment-processor",
        "Allow dynamodb:DeleteItem on *",
        "take it away",
    ),
    (
        |w| w.role("ledger-auditor").grants.retain(|grant| !grant.resource.ends_with("/refunds")),
        Kind::Policies,
        "role of ledger-auditor",
        "isn't granted",
        "deploy",
    ),
    // The same on more than it should be is two differences.
    (
        |w| w.role("payment-processor").managed.push("AdministratorAccess".into()),
        Kind::Policies,
        "role of payment-processor",
        "AdministratorAccess",
        "detach AdministratorAccess",
    ),
    (
        |w| w.role("payment-processor").managed.retain(|name| name != "AWSLambdaBasicExecutionRole"),
        Kind::Policies,
        "role of payment-processor",
        "isn't attached",
        "deploy",
    ),
    (
        |w| is(&mut w.role("payment-processor").trusts).push("Allow sts:AssumeRole to AWS *".into()),
        Kind::Policies,
        "role of payment-processor, trust",
        "to AWS *",
        "who let it in",
    ),
    (
        |w| is(&mut w.role("payment-processor").trusts).clear(),
        Kind::Policies,
        "role of payment-processor, trust",
        "doesn't say it",
        "update-assume-role-policy",
    ),
    (
        |w| w.role("payment-processor").boundary = Some("arn:bound".into()),
        Kind::Policies,
        "role of payment-processor, boundary",
        "arn:bound",
        "who set it",
    ),
    (
        |w| w.function("payment-processor").role = "admin".into(),
        Kind::Functions,
        "function payment-processor, role",
        "admin",
        "who gave it another",
    ),
];

#[test]
fn differences_of_policies() {
    check(POLICIES);
    let mut world = World::new();
    for grant in world.role("ledger-auditor").grants.iter_mut().filter(|grant| grant.resource.ends_with("/refunds")) {
        grant.resource = "*".into();
    }
    assert_eq!(world.differences().len(), 2, "{:?}", world.differences());
    // A condition that is gone makes another grant of it.
    let mut world = World::new();
    for grant in world.role("payment-processor").grants.iter_mut().filter(|grant| grant.action == "kafka:*") {
        grant.condition.clear();
    }
    assert_eq!(world.differences().len(), 2, "{:?}", world.differences());
    // All streams are more than the one whose name only AWS knows.
    let mut world = World::new();
    let grants = &mut world.role("outcome-publisher").grants;
    let count = grants.iter().filter(|grant| grant.resource.ends_with("/stream/known")).count();
    for grant in grants.iter_mut().filter(|grant| grant.resource.ends_with("/stream/known")) {
        grant.resource = grant.resource.replace("/stream/known", "/stream/*");
    }
    assert_eq!((world.differences().len(), count > 0), (2 * count, true), "{:?}", world.differences());
}
