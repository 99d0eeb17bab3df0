//! What: Compares what the roles of functions allow: all that the template asks for, and nothing else. It is pure.

use crate::doctor::deployed::{Deployed, Looked, Role};
use crate::doctor::expected::{Expected, Function};
use crate::doctor::finding::{Findings, Kind, Why};

const KIND: Kind = Kind::Policies;
/// What the policy of a function's role says of who may take it.
const TRUSTED: &str = "Allow sts:AssumeRole to Service lambda.amazonaws.com";

pub(super) fn compare(expected: &Expected, deployed: &Deployed, findings: &mut Findings) {
    for asked in &expected.functions {
        let what = format!("role of {}", asked.name);
        match deployed.roles.get(&asked.name) {
            Some(Looked::Is(role)) => {
                findings.look(KIND);
                trust(&what, role, findings);
                one(&what, asked, role, findings);
            }
            // Without its function nobody knows its role, and the function is told already.
            Some(Looked::Missing) | None => {
                findings.skip(KIND, what, &Why::Untold("its function was not looked at".to_owned()));
            }
            Some(Looked::Not(why)) => findings.skip(KIND, what, why),
        }
    }
}

/// Lambda alone may take a function's role.
fn trust(what: &str, role: &Role, findings: &mut Findings) {
    let trusts = format!("{what}, trust");
    match &role.trusts {
        Looked::Not(why) => findings.skip(KIND, trusts, why),
        Looked::Missing => findings.skip(KIND, trusts, &Why::Untold("IAM doesn't tell it".to_owned())),
        Looked::Is(found) => {
            for other in found.iter().filter(|found| *found != TRUSTED) {
                let todo = "find out who let it in, and take it away: aws iam update-assume-role-policy";
                findings.differs(KIND, trusts.as_str(), other.as_str(), "doesn't say it", todo);
            }
            if !found.iter().any(|found| found == TRUSTED) {
                let todo = "the function can't run: aws iam update-assume-role-policy";
                findings.differs(KIND, trusts, "doesn't say it", TRUSTED, todo);
            }
        }
    }
    if let Some(boundary) = &role.boundary {
        let todo = "find out who set it: it may take away what the function needs";
        findings.differs(KIND, format!("{what}, boundary"), boundary.as_str(), "none", todo);
    }
}

fn one(what: &str, asked: &Function, role: &Role, findings: &mut Findings) {
    for (policy, why) in &role.unread {
        findings.skip(KIND, format!("{what}, policy {policy}"), why);
    }
    for policy in &asked.unread {
        let why = Why::Untold("the stack doesn't tell which policy of the template it is".to_owned());
        findings.skip(KIND, format!("{what}, policy {policy}"), &why);
    }
    // Of a policy that is not known, nobody can say what it should grant.
    let is_whole = role.unread.is_empty() && asked.unread.is_empty();
    let back = "deploy; if that is done already, set the role's policies back by hand";
    for grant in asked.grants.iter().filter(|grant| is_whole && !role.grants.iter().any(|found| found.fits(grant))) {
        findings.differs(KIND, what, "isn't granted", grant.to_string(), back);
    }
    for grant in role.grants.iter().filter(|grant| !asked.grants.iter().any(|asked| grant.fits(asked))) {
        if asked.unread.is_empty() {
            let todo = "find out who granted it, and take it away: a function needs no more than its template says";
            findings.differs(KIND, what, grant.to_string(), "doesn't grant it", todo);
        }
    }
    for names in asked.managed.iter().filter(|names| !role.managed.iter().any(|found| names.contains(&found.as_str())))
    {
        findings.differs(KIND, what, "isn't attached", names.join(" or "), back);
    }
    let is_asked = |name: &&String| asked.managed.iter().any(|names| names.contains(&name.as_str()));
    for name in role.managed.iter().filter(|name| !is_asked(name)) {
        let todo = format!("find out who attached it, and detach {name}");
        findings.differs(KIND, what, format!("AWS's own policy {name}"), "doesn't attach it", todo);
    }
}
