//! What has changed in docs/schemas/ since version 1 was frozen breaks nobody: the rules of docs/events.md.
//!
//! | | a request: clients write, Giro reads | an outcome: Giro writes, consumers read |
//! |---|---|---|
//! | a required field | may become optional | stays as it is |
//! | a field | is never taken away | is never taken away |
//! | a bound | may be wider | may be narrower |
//! | a list of values | may grow | stays as it is, but for reasons and periods, which may grow |
//! | anything else | stays as it is | stays as it is |

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CURRENT, FROZEN, names, resolved, schema};

/// Who writes a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Writer {
    Client,
    Giro,
}

/// The keywords of bounds, and whether a higher one takes more.
const BOUNDS: [(&str, bool); 8] = [
    ("maximum", true),
    ("maxLength", true),
    ("maxItems", true),
    ("maxContains", true),
    ("minimum", false),
    ("minLength", false),
    ("minItems", false),
    ("minProperties", false),
];

fn set(node: Option<&Value>) -> BTreeSet<String> {
    node.and_then(Value::as_array).into_iter().flatten().map(Value::to_string).collect()
}

/// What breaks somebody between two versions of a schema, by its place.
fn breaks(writer: Writer, frozen: &Value, current: &Value, at: &str) -> Vec<String> {
    let (Value::Object(old), Value::Object(new)) = (frozen, current) else {
        return if frozen == current { vec![] } else { vec![format!("{at}: is another value")] };
    };
    let mut found = Vec::new();
    for keyword in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        let (before, now, at) = (old.get(keyword), new.get(keyword), format!("{at}/{keyword}"));
        match keyword.as_str() {
            "required" => {
                let (before, now) = (set(before), set(now));
                let fits = if writer == Writer::Client { now.is_subset(&before) } else { now == before };
                found.extend((!fits).then(|| format!("{at}: other fields are required")));
            }
            "properties" => found.extend(properties(writer, before, now, &at)),
            "enum" if !at.ends_with("/not/enum") => {
                let (before, now, may_grow) = (set(before), set(now), writer == Writer::Client || is_open(&at));
                let fits = if may_grow { before.is_subset(&now) } else { now == before };
                found.extend((!fits).then(|| format!("{at}: other values")));
            }
            bound if BOUNDS.iter().any(|(name, _)| *name == bound) => {
                found.extend((!bound_fits(writer, bound, before, now)).then(|| format!("{at}: another bound")));
            }
            _ => match (before, now) {
                (Some(Value::Array(before)), Some(Value::Array(now))) if before.len() == now.len() => {
                    let pairs = before.iter().zip(now).enumerate();
                    found.extend(pairs.flat_map(|(ix, (old, new))| breaks(writer, old, new, &format!("{at}/{ix}"))));
                }
                (Some(before), Some(now)) => found.extend(breaks(writer, before, now, &at)),
                _ => found.push(format!("{at}: came or went")),
            },
        }
    }
    found
}

/// Names beside which a consumer must take newer ones.
fn is_open(at: &str) -> bool {
    ["/properties/name/anyOf/0/enum", "/properties/period/anyOf/0/enum"].iter().any(|open| at.ends_with(open))
}

fn properties(writer: Writer, before: Option<&Value>, now: Option<&Value>, at: &str) -> Vec<String> {
    let fields = |node: Option<&Value>| node.and_then(Value::as_object).cloned().unwrap_or_default();
    let now = fields(now);
    let compared = |(name, old): (&String, &Value)| match now.get(name) {
        Some(new) => breaks(writer, old, new, &format!("{at}/{name}")),
        None => vec![format!("{at}/{name}: was taken away")],
    };
    fields(before).iter().flat_map(compared).collect()
}

/// A bound may take more of a client, and less of what Giro writes.
fn bound_fits(writer: Writer, name: &str, before: Option<&Value>, now: Option<&Value>) -> bool {
    let higher_takes_more = BOUNDS.contains(&(name, true));
    let (Some(before), Some(now)) = (before, now) else {
        return if writer == Writer::Client { now.is_none() } else { before.is_none() };
    };
    let (before, now) = (before.as_i64().unwrap(), now.as_i64().unwrap());
    if higher_takes_more == (writer == Writer::Client) { now >= before } else { now <= before }
}

fn writer(name: &str) -> Writer {
    if name.starts_with("giro.") { Writer::Giro } else { Writer::Client }
}

#[test]
fn nothing_breaks_what_was_frozen() {
    // A message that is new is frozen with the change that publishes it.
    assert_eq!(names(FROZEN), names(CURRENT));
    for name in names(FROZEN) {
        let whole = |folder: &str| {
            let mut schema = schema(folder, &name);
            schema = resolved(&schema, &schema);
            schema.as_object_mut().unwrap().remove("$defs");
            schema
        };
        assert_eq!(breaks(writer(&name), &whole(FROZEN), &whole(CURRENT), &name), [""; 0]);
    }
}

/// Each kind of change, and for whom it breaks something.
#[test]
fn planted_breaks_are_found() {
    let frozen = json!({
        "required": ["a"], "type": "object",
        "properties": {
            "a": { "type": "integer", "minimum": 1, "maximum": 9 }, "b": { "enum": ["x", "y"] },
            "name": { "anyOf": [{ "enum": ["x"] }, { "type": "string" }] }, "id": { "not": { "enum": ["."] } },
        },
    });
    let (nobody, clients, consumers, both) = ((true, true), (false, true), (true, false), (false, false));
    for (place, value, fits) in [
        ("/type", json!("object"), nobody),
        ("/properties", json!({ "more": { "type": "string" } }), nobody),
        ("/required", json!([]), consumers),
        ("/required", json!(["a", "b"]), both),
        ("/type", json!("array"), both),
        ("/properties/a/maximum", json!(10), consumers),
        ("/properties/a/maximum", json!(8), clients),
        ("/properties/a/minimum", json!(0), consumers),
        ("/properties/a/minimum", json!(2), clients),
        ("/properties/a/type", json!("string"), both),
        ("/properties/a/pattern", json!("^x$"), both),
        ("/properties/b/enum", json!(["x", "y", "z"]), consumers),
        ("/properties/b/enum", json!(["x"]), both),
        ("/properties/name/anyOf/0/enum", json!(["x", "z"]), nobody),
        ("/properties/name/anyOf/0/enum", json!(["z"]), both),
        ("/properties/id/not/enum", json!([".", ".."]), both),
    ] {
        let mut current = frozen.clone();
        match (current.pointer_mut(place), &value) {
            (Some(Value::Object(fields)), Value::Object(more)) => fields.extend(more.clone()),
            (Some(there), value) => *there = value.clone(),
            (None, value) => current["properties"]["a"]["pattern"] = value.clone(),
        }
        let found = [Writer::Client, Writer::Giro].map(|writer| breaks(writer, &frozen, &current, "").is_empty());
        assert_eq!((found[0], found[1]), fits, "{place} = {value}");
    }
    let mut current = frozen.clone();
    current["properties"].as_object_mut().unwrap().remove("b");
    for writer in [Writer::Client, Writer::Giro] {
        assert_eq!(breaks(writer, &frozen, &current, ""), ["/properties/b: was taken away"]);
    }
}
