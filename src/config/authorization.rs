//! What: Reads who may do what over HTTP.
//!
//! Data: Takes variables. Gives an [`Authorization`]. `docs/authorization.md` explains them.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;

use super::{AUTHORIZATION, ID_PREFIXES, PRINCIPAL_CLAIM, PRINCIPAL_SCOPES, Reader, SCOPE_PREFIX};
use crate::domain::caller::{ACCOUNTS_ANY, Authorization, Owners, PAYMENTS_ANY};
use crate::domain::{PaymentId, Principal};

/// The claim that names the subject of a token.
const SUBJECT: &str = "sub";

pub(super) fn read(reader: &mut Reader<'_>) -> Authorization {
    let scopes = principals(reader, PRINCIPAL_SCOPES, "{\"PRINCIPAL\": [\"payments:any\"]}", |scopes: &Vec<String>| {
        scopes.iter().all(|scope| [PAYMENTS_ANY, ACCOUNTS_ANY].contains(&scope.as_str()))
    });
    let is_prefix = |prefix: &String| PaymentId::try_stored(prefix).is_ok();
    let id_prefixes = principals(reader, ID_PREFIXES, "{\"PRINCIPAL\": \"PREFIX\"}", is_prefix);
    let overlaps = |(ix, prefix): (usize, &String)| {
        let others = id_prefixes.values().enumerate().filter(|(other, _)| *other != ix);
        others.into_iter().any(|(_, other)| other.starts_with(prefix.as_str()))
    };
    if id_prefixes.values().enumerate().any(overlaps) {
        reader.faults.push(format!("{ID_PREFIXES} is not understood: expected no prefix to begin with another one"));
    }
    let claim = reader.given(PRINCIPAL_CLAIM).unwrap_or_else(|| SUBJECT.into());
    let scope_prefix = reader.given(SCOPE_PREFIX).unwrap_or_default();
    match reader.given(AUTHORIZATION).as_deref() {
        None | Some("open") => Authorization::Open,
        Some("owners") => Authorization::Owners(Owners { claim, scope_prefix, scopes, id_prefixes }),
        Some(_) => {
            reader.faults.push(format!("{AUTHORIZATION} is not understood: expected open or owners"));
            Authorization::Open
        }
    }
}

/// A JSON object with a value for each principal. It is empty if it isn't set.
fn principals<T: DeserializeOwned>(
    reader: &mut Reader<'_>,
    name: &str,
    shape: &str,
    is_right: impl Fn(&T) -> bool,
) -> BTreeMap<Principal, T> {
    let Some(text) = reader.given(name) else { return BTreeMap::new() };
    let read = serde_json::from_str::<BTreeMap<String, T>>(&text).ok().and_then(|given| {
        let each = |(name, value): (String, T)| Some((Principal::try_new(&name).ok()?, Some(value).filter(&is_right)?));
        given.into_iter().map(each).collect()
    });
    read.unwrap_or_else(|| {
        reader.faults.push(format!("{name} is not understood: expected JSON such as {shape}"));
        BTreeMap::new()
    })
}

#[cfg(test)]
mod tests {
    use super::super::{FromEnv, PaymentApiConfig};
    use super::*;

    fn read(given: &[(&str, &str)]) -> Result<Authorization, String> {
        let needed = ["ACCOUNTS_TABLE", "PAYMENTS_TABLE", "DEAD_LETTERS_TABLE", "REQUESTS_TOPIC"];
        let lookup = |name: &str| {
            let found = given.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            let is_needed = needed.contains(&name) || name == "KAFKA_BOOTSTRAP_SERVERS";
            found.or(is_needed.then(|| "x".to_owned()))
        };
        let config = PaymentApiConfig::from_lookup(&lookup).map_err(|error| error.to_string())?;
        Ok(config.authorization)
    }

    #[test]
    fn owners_are_told_apart_as_the_variables_say() {
        assert_eq!(read(&[]), Ok(Authorization::Open));
        assert_eq!(read(&[("AUTHORIZATION", "open")]), Ok(Authorization::Open));
        let ann = Principal::try_new("ann").unwrap();
        let plain = Owners {
            claim: "sub".into(),
            scope_prefix: String::new(),
            scopes: BTreeMap::new(),
            id_prefixes: BTreeMap::new(),
        };
        assert_eq!(read(&[("AUTHORIZATION", "owners")]), Ok(Authorization::Owners(plain)));
        let given = read(&[
            ("AUTHORIZATION", "owners"),
            ("PRINCIPAL_CLAIM", "client_id"),
            ("SCOPE_PREFIX", "giro/"),
            ("PRINCIPAL_SCOPES", r#"{"ann":["payments:any","accounts:any"]}"#),
            ("ID_PREFIXES", r#"{"ann":"an-","bob":"bo-"}"#),
        ]);
        let Ok(Authorization::Owners(owners)) = given else { panic!("{given:?}") };
        assert_eq!((owners.claim.as_str(), owners.scope_prefix.as_str()), ("client_id", "giro/"));
        assert_eq!((owners.scopes[&ann].len(), owners.id_prefixes[&ann].as_str()), (2, "an-"));
    }

    /// A wrong scope or prefix may let somebody do too much, so it stops the function at its start.
    #[test]
    fn what_is_not_understood_is_told() {
        let shape = "is not understood: expected JSON such as";
        for (name, value, expected) in [
            ("AUTHORIZATION", "on", "AUTHORIZATION is not understood: expected open or owners".to_owned()),
            ("PRINCIPAL_SCOPES", "ann", format!(r#"PRINCIPAL_SCOPES {shape} {{"PRINCIPAL": ["payments:any"]}}"#)),
            (
                "PRINCIPAL_SCOPES",
                r#"{"ann":["all"]}"#,
                format!(r#"PRINCIPAL_SCOPES {shape} {{"PRINCIPAL": ["payments:any"]}}"#),
            ),
            (
                "PRINCIPAL_SCOPES",
                r#"{"a b":[]}"#,
                format!(r#"PRINCIPAL_SCOPES {shape} {{"PRINCIPAL": ["payments:any"]}}"#),
            ),
            ("ID_PREFIXES", r#"{"ann":""}"#, format!(r#"ID_PREFIXES {shape} {{"PRINCIPAL": "PREFIX"}}"#)),
            ("ID_PREFIXES", r#"{"ann":"a/"}"#, format!(r#"ID_PREFIXES {shape} {{"PRINCIPAL": "PREFIX"}}"#)),
            (
                "ID_PREFIXES",
                r#"{"ann":"a","bob":"a-"}"#,
                "ID_PREFIXES is not understood: expected no prefix to begin with another one".to_owned(),
            ),
        ] {
            let told = read(&[(name, value)]).unwrap_err();
            assert_eq!(told, format!("the environment is not complete:\n  {expected}"), "{value}");
        }
    }
}
