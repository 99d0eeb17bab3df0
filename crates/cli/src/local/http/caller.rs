//! What: The caller of every request to the local HTTP API, since nobody signs in here.
//!
//! Data: Takes a principal and scopes. Gives what API Gateway writes into an event once it has checked a token.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use giro::domain::Principal;

/// The scopes that a caller has who may use its own accounts, as the template's routes ask for them.
const OWN: [&str; 2] = ["payments", "accounts"];

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The principal.
    pub principal: Principal,
    /// Scopes beside those for one's own accounts, such as `payments:any`.
    pub scopes: Vec<String>,
}

impl Caller {
    /// The claims of the caller's token. `claim` names the one that holds the principal, and `prefix` stands before
    /// each scope.
    pub(in crate::local) fn claims(&self, claim: &str, prefix: &str) -> BTreeMap<String, String> {
        let scopes = OWN.into_iter().chain(self.scopes.iter().map(String::as_str));
        let scopes: Vec<String> = scopes.map(|scope| format!("{prefix}{scope}")).collect();
        [(claim.to_owned(), self.principal.to_string()), ("scope".to_owned(), scopes.join(" "))].into()
    }
}

/// What an authorizer says of these claims.
pub(super) fn authorizer(claims: &BTreeMap<String, String>) -> Value {
    json!({ "jwt": { "claims": claims, "scopes": null } })
}
