//! What: Reads functions and event source mappings from Lambda.

use std::collections::BTreeMap;

use percent_encoding::utf8_percent_encode;
use serde_json::Value;

use super::call::Service;
use crate::doctor::deployed::{Function, Live, Looked, Mapping};
use crate::doctor::expected::called;
use crate::doctor::finding::Why;
use crate::local::signed::RESERVED;

/// Reads a function, or a version of it by an alias: `name:alias`.
pub async fn function(lambda: &Service, called: &str) -> Looked<Function> {
    let (name, alias) = called.split_once(':').map_or((called, None), |(name, alias)| (name, Some(alias)));
    let encoded = utf8_percent_encode(name, RESERVED);
    let version = alias.map(|alias| format!("?Qualifier={}", utf8_percent_encode(alias, RESERVED))).unwrap_or_default();
    let path = format!("/2015-03-31/functions/{encoded}/configuration{version}");
    let found = match lambda.get("GetFunctionConfiguration", &path).await {
        Ok(found) => found,
        Err(failed) => return failed.looked(),
    };
    let path = format!("/2019-09-30/functions/{encoded}/concurrency");
    let concurrency = match lambda.get("GetFunctionConcurrency", &path).await {
        Ok(told) => Looked::Is(told.get("ReservedConcurrentExecutions").and_then(Value::as_u64)),
        Err(failed) => failed.looked(),
    };
    let live = match alias {
        Some(alias) => Some(live(lambda, &encoded.to_string(), alias, &found).await),
        None => None,
    };
    let number = |name: &str| found.get(name).and_then(Value::as_u64).unwrap_or_default();
    let role = text(&found, "Role");
    Looked::Is(Function {
        environment: environment(&found),
        timeout: number("Timeout"),
        memory: number("MemorySize"),
        concurrency,
        trouble: trouble(&found),
        role: role.rsplit('/').next().unwrap_or(role).to_owned(),
        live,
    })
}

/// Reads which version an alias calls, and whether that is what was deployed last.
async fn live(lambda: &Service, name: &str, alias: &str, found: &Value) -> Live {
    let path = format!("/2015-03-31/functions/{name}/configuration");
    let latest = match lambda.get("GetFunctionConfiguration", &path).await {
        Ok(latest) => Looked::Is(text(&latest, "CodeSha256").to_owned()),
        Err(failed) => failed.looked(),
    };
    let path = format!("/2015-03-31/functions/{name}/aliases/{}", utf8_percent_encode(alias, RESERVED));
    let others = match lambda.get("GetAlias", &path).await {
        Ok(told) => {
            let weights = told.pointer("/RoutingConfig/AdditionalVersionWeights").and_then(Value::as_object);
            let share = |(version, share): (&String, &Value)| (version.clone(), share.to_string());
            Looked::Is(weights.into_iter().flatten().map(share).collect())
        }
        Err(failed) => failed.looked(),
    };
    let (version, code) = (text(found, "Version").to_owned(), text(found, "CodeSha256").to_owned());
    Live { version, code, latest, others }
}

/// All event source mappings of the account in this region: one that feeds a function twice is found only there.
pub async fn mappings(lambda: &Service) -> Looked<Vec<Mapping>> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let marker = match next.as_str() {
            "" => String::new(),
            next => format!("&Marker={}", utf8_percent_encode(next, RESERVED)),
        };
        let path = format!("/2015-03-31/event-source-mappings?MaxItems=100{marker}");
        let page = match lambda.get("ListEventSourceMappings", &path).await {
            Ok(page) => page,
            Err(failed) => return failed.looked(),
        };
        let found = page.get("EventSourceMappings").and_then(Value::as_array);
        all.extend(found.into_iter().flatten().map(|mapping| Mapping {
            uuid: text(mapping, "UUID").to_owned(),
            function: called(text(mapping, "FunctionArn")),
            properties: mapping.clone(),
        }));
        next = text(&page, "NextMarker").to_owned();
        if next.is_empty() {
            return Looked::Is(all);
        }
    }
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A function's variables. Lambda says why, if it can't decrypt them for whoever asks.
fn environment(found: &Value) -> Looked<BTreeMap<String, String>> {
    if let Some(error) = found.pointer("/Environment/Error") {
        return Looked::Not(Why::Untold(format!("Lambda says: {}", text(error, "Message"))));
    }
    let variables = found.pointer("/Environment/Variables").and_then(Value::as_object);
    let pair = |(name, value): (&String, &Value)| (name.clone(), value.as_str().unwrap_or_default().to_owned());
    variables.map_or(Looked::Missing, |variables| Looked::Is(variables.iter().map(pair).collect()))
}

/// The state of a function that isn't as it must be.
fn trouble(found: &Value) -> Option<String> {
    let well = [("State", ["", "Active", "Inactive"]), ("LastUpdateStatus", ["", "Successful", "Successful"])];
    let (name, _) = well.into_iter().find(|(name, well)| !well.contains(&text(found, name)))?;
    Some(format!("{} {}", text(found, name), text(found, &format!("{name}Reason"))).trim_end().to_owned())
}
