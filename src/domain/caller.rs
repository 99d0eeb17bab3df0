//! What: Who calls over HTTP, and what that caller may do by its scopes and by the accounts that it owns.
//!
//! Data: Takes what the API in front has found out. Gives a [`Caller`]. `docs/authorization.md` explains it.
//!
//! | who | may pay from an account | may read an account, or an outcome that names it |
//! |---|---|---|
//! | its owner | yes | yes |
//! | scope `payments:any` | yes | no |
//! | scope `accounts:any` | no | yes |
//! | anybody else | no | no |
//!
//! Invariants: A caller without a principal owns nothing.

use std::collections::BTreeMap;

use super::{Account, PaymentId, Principal};

/// Lets a caller pay from every account.
pub const PAYMENTS_ANY: &str = "payments:any";
/// Lets a caller read every account and every outcome.
pub const ACCOUNTS_ANY: &str = "accounts:any";

/// How callers are told apart, and what each may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorization {
    /// Everybody who reaches the function may do everything.
    Open,
    /// An account belongs to its owner.
    Owners(Owners),
}

/// How owners are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owners {
    /// The claim of a token that holds the principal.
    pub claim: String,
    /// What stands before each scope in a token.
    pub scope_prefix: String,
    /// Further scopes, by principal. Callers with an IAM role have no token.
    pub scopes: BTreeMap<Principal, Vec<String>>,
    /// How the ids of each principal begin. Empty: ids may begin as they like.
    pub id_prefixes: BTreeMap<Principal, String>,
}

/// Who calls.
#[derive(Debug)]
pub struct Caller<'a> {
    /// `None`: nobody knows.
    pub principal: Option<Principal>,
    /// Whether it may pay from every account.
    pub pays_from_any: bool,
    /// Whether it may read every account and every outcome.
    pub sees_any: bool,
    ids: Ids<'a>,
}

/// Which ids a caller may use.
#[derive(Debug)]
enum Ids<'a> {
    All,
    /// Those that begin so.
    From(&'a str),
    /// None, because no prefix is registered to the caller.
    None,
}

impl Authorization {
    /// The caller, by the claims of its token, or by the ARN of its IAM user or of the session of its role.
    #[must_use]
    pub fn caller(&self, claims: &BTreeMap<String, String>, user_arn: Option<&str>) -> Caller<'_> {
        match self {
            Self::Open => Caller { principal: None, pays_from_any: true, sees_any: true, ids: Ids::All },
            Self::Owners(owners) => owners.caller(claims, user_arn),
        }
    }
}

impl Owners {
    fn caller(&self, claims: &BTreeMap<String, String>, user_arn: Option<&str>) -> Caller<'_> {
        let claim = claims.get(&self.claim).map(String::as_str);
        let name = claim.or(user_arn.map(without_session));
        let principal = name.and_then(|name| Principal::try_new(name).ok());
        let given = principal.as_ref().and_then(|principal| self.scopes.get(principal));
        let has = |scope: &str| {
            let of_token = |claim: &str| claims.get(claim).is_some_and(|text| self.holds(text, scope));
            of_token("scope") || of_token("scp") || given.is_some_and(|given| given.iter().any(|given| given == scope))
        };
        // Whoever can't be named moves nothing, so that each payment tells who asked.
        let pays_from_any = principal.is_some() && has(PAYMENTS_ANY);
        let ids = match principal.as_ref().and_then(|principal| self.id_prefixes.get(principal)) {
            Some(prefix) => Ids::From(prefix),
            None if self.id_prefixes.is_empty() || pays_from_any => Ids::All,
            None => Ids::None,
        };
        Caller { principal, pays_from_any, sees_any: has(ACCOUNTS_ANY), ids }
    }

    /// Whether a claim holds a scope: a list of words, perhaps in brackets.
    fn holds(&self, claim: &str, scope: &str) -> bool {
        let words = claim.trim_start_matches('[').trim_end_matches(']').split([' ', ',']);
        words.filter_map(|word| word.strip_prefix(self.scope_prefix.as_str())).any(|word| word == scope)
    }
}

/// The ARN of an IAM user as it is, and that of a role's session without the session's name. Anybody who takes the role
/// may choose that name.
fn without_session(arn: &str) -> &str {
    match arn.rsplit_once('/') {
        Some((role, _)) if arn.split(':').nth(2) == Some("sts") => role,
        _ => arn,
    }
}

impl Caller<'_> {
    /// Refuses an id that isn't one of the caller's.
    ///
    /// # Errors
    /// What was expected of the id.
    pub fn check_id(&self, id: &PaymentId) -> Result<(), String> {
        match self.ids {
            Ids::From(prefix) if !id.as_str().starts_with(prefix) => {
                Err(format!("Expected an id that begins with {prefix}."))
            }
            Ids::None => Err("Expected a prefix of ids to be registered to you first.".to_owned()),
            Ids::All | Ids::From(_) => Ok(()),
        }
    }

    /// Whether the caller may learn what an account holds when it asks for a payment. `None`: it can't be read.
    #[must_use]
    pub fn knows(&self, account: Option<&Account>) -> bool {
        let owner = account.and_then(|account| account.owner.as_ref());
        self.pays_from_any || owner.is_some() && owner == self.principal.as_ref()
    }
}
