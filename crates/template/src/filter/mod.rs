//! What: Lambda's event filtering, for records of Kafka. It is pure.
//!
//! Data: Takes the patterns of a mapping, and the value of a record. Says whether any pattern fits. A record that fits
//! none is acknowledged and never delivered, on AWS as here.
//!
//! | rule | fits a value |
//! |---|---|
//! | `"text"`, `true`, `null` | that is the same |
//! | `12` | that is written the same: `12.0` is another |
//! | `{"equals-ignore-case": "text"}` | that differs in upper and lower case alone |
//! | `{"prefix": "text"}`, `{"suffix": "text"}` | that begins or ends so |
//! | `{"numeric": [">", 10, "<=", 20]}` | that is a number in the range |
//! | `{"anything-but": ["text", 12]}` | that is there, and none of these |
//! | `{"exists": true}` | that is there, or with `false` isn't |
//!
//! Of several rules in a list one must fit, of several fields all, of several patterns in `$or` one. Of a list in a
//! record one element must fit. A value that isn't a JSON object or list is a plain text. A list of rules directly
//! under `value` is for plain texts, and fields are for JSON. Neither fits the other.
//!
//! Source: AWS Lambda developer guide, "Control which events Lambda sends to your function". The same, "Filtering
//! events from Amazon MSK and self-managed Apache Kafka event sources". For lists: Amazon EventBridge user guide,
//! "Event patterns".

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Number, Value};

/// The most patterns of a mapping. Source: AWS Lambda quotas, on request.
const PATTERNS_MAX: usize = 10;

/// The patterns of a mapping; without one, all records pass.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filters(Vec<Pattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    /// Each field by its name, and of each `$or` one.
    Fields { named: Vec<(String, Pattern)>, either: Vec<Pattern> },
    /// One of these.
    Rules(Vec<Rule>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Is(Scalar),
    IgnoreCase(String),
    Prefix(String),
    Suffix(String),
    Numeric(Vec<(Comparison, Number)>),
    AnythingBut(Vec<Scalar>),
    Exists(bool),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Scalar {
    Text(String),
    /// A number, `true`, `false` or `null`, as it is written.
    Literal(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

type Parsed<T> = Result<T, String>;

impl Filters {
    /// Reads patterns, each as JSON.
    ///
    /// # Errors
    /// Where in which pattern something else was expected.
    pub fn parse(patterns: &[String]) -> Parsed<Self> {
        if patterns.len() > PATTERNS_MAX {
            return Err(format!("expected {PATTERNS_MAX} patterns at the most"));
        }
        patterns.iter().map(|text| of_a_record(text)).collect::<Parsed<_>>().map(Self)
    }

    /// Whether all records pass, because there is no pattern.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record with this value passes.
    #[must_use]
    pub fn pass(&self, value: Option<&[u8]>) -> bool {
        self.is_empty() || {
            let text = value.map(std::str::from_utf8).transpose();
            text.is_ok_and(|text| self.0.iter().any(|pattern| fits_record(pattern, text)))
        }
    }
}

fn fits_record(pattern: &Pattern, value: Option<&str>) -> bool {
    let is_json = value.is_some_and(|text| {
        text.trim_start().starts_with(['{', '[']) && serde_json::from_str::<&RawValue>(text).is_ok()
    });
    match pattern {
        Pattern::Fields { .. } => is_json && fits(pattern, value.map(str::trim)),
        Pattern::Rules(rules) => {
            let text = value.map(|text| Scalar::Text(text.to_owned()));
            !is_json && rules.iter().any(|rule| rule.fits(text.as_ref()))
        }
    }
}

/// Whether a pattern fits a part of a record, as JSON. `None`: the part isn't there.
fn fits(pattern: &Pattern, json: Option<&str>) -> bool {
    if let Some(elements) = json.and_then(elements) {
        return match (pattern, elements.is_empty()) {
            (Pattern::Rules(rules), true) => rules.iter().any(|rule| rule.fits(None)),
            _ => elements.iter().any(|element| fits(pattern, Some(element.get()))),
        };
    }
    match pattern {
        Pattern::Fields { named, either } => {
            let fields: BTreeMap<Cow<'_, str>, &RawValue> =
                json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
            let field = |name: &str| fields.get(name).map(|field| field.get());
            named.iter().all(|(name, pattern)| fits(pattern, field(name)))
                && (either.is_empty() || either.iter().any(|pattern| fits(pattern, json)))
        }
        Pattern::Rules(rules) => {
            let scalar = json.and_then(scalar);
            rules.iter().any(|rule| rule.fits(scalar.as_ref()))
        }
    }
}

fn elements(json: &str) -> Option<Vec<&RawValue>> {
    json.starts_with('[').then(|| serde_json::from_str(json).ok()).flatten()
}

/// A text or a literal. `None` if it is an object.
fn scalar(json: &str) -> Option<Scalar> {
    match json.bytes().next()? {
        b'"' => serde_json::from_str(json).ok().map(Scalar::Text),
        b'{' | b'[' => None,
        _ => Some(Scalar::Literal(json.to_owned())),
    }
}

impl Rule {
    fn fits(&self, value: Option<&Scalar>) -> bool {
        let Some(value) = value else { return *self == Self::Exists(false) };
        let text = match value {
            Scalar::Text(text) => Some(text),
            Scalar::Literal(_) => None,
        };
        match self {
            Self::Is(expected) => value == expected,
            Self::IgnoreCase(expected) => text.is_some_and(|text| text.to_lowercase() == expected.to_lowercase()),
            Self::Prefix(prefix) => text.is_some_and(|text| text.starts_with(prefix)),
            Self::Suffix(suffix) => text.is_some_and(|text| text.ends_with(suffix)),
            Self::AnythingBut(refused) => !refused.contains(value),
            Self::Exists(exists) => *exists,
            Self::Numeric(bounds) => {
                let Scalar::Literal(literal) = value else { return false };
                let number = serde_json::from_str::<Number>(literal).ok().and_then(|number| number.as_f64());
                number.is_some_and(|number| bounds.iter().all(|(comparison, bound)| comparison.holds(number, bound)))
            }
        }
    }
}

impl Comparison {
    fn holds(self, number: f64, bound: &Number) -> bool {
        let order = bound.as_f64().and_then(|bound| number.partial_cmp(&bound));
        order.is_some_and(|order| match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        })
    }
}

/// Reads the pattern of a record, and takes what it says of the value.
fn of_a_record(text: &str) -> Parsed<Pattern> {
    let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) else {
        return Err("expected a JSON object".into());
    };
    if let Some(other) = fields.keys().find(|name| *name != "value") {
        return Err(format!("{other}: expected value: Lambda filters records of Kafka by nothing else"));
    }
    let value = fields.get("value").ok_or("expected value: Lambda filters records of Kafka by it")?;
    pattern("value", value)
}

fn pattern(at: &str, json: &RawValue) -> Parsed<Pattern> {
    if let Some(rules) = elements(json.get()) {
        let rules = rules.into_iter().map(|json| rule(at, json)).collect::<Parsed<Vec<_>>>()?;
        return if rules.is_empty() { Err(format!("{at}: expected a rule")) } else { Ok(Pattern::Rules(rules)) };
    }
    let Ok(fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(json.get()) else {
        return Err(format!("{at}: expected a list of rules, or an object of fields"));
    };
    let (mut named, mut either) = (Vec::new(), Vec::new());
    for (name, json) in fields {
        let at = format!("{at}.{name}");
        if name == "$or" {
            let all = elements(json.get()).ok_or_else(|| format!("{at}: expected a list of patterns"))?;
            either = all.into_iter().map(|json| pattern(&at, json)).collect::<Parsed<_>>()?;
        } else {
            named.push((name, pattern(&at, json)?));
        }
    }
    if named.is_empty() && either.is_empty() {
        return Err(format!("{at}: expected a field"));
    }
    Ok(Pattern::Fields { named, either })
}

fn rule(at: &str, json: &RawValue) -> Parsed<Rule> {
    if let Some(scalar) = scalar(json.get()) {
        return Ok(Rule::Is(scalar));
    }
    let operator = serde_json::from_str::<BTreeMap<String, &RawValue>>(json.get()).ok();
    let operator = operator.filter(|operator| operator.len() == 1).and_then(|operator| operator.into_iter().next());
    let (name, json) = operator.ok_or_else(|| format!("{at}: expected a value, or an object with one operator"))?;
    let at = format!("{at}.{name}");
    let text = || serde_json::from_str::<String>(json.get()).map_err(|_| format!("{at}: expected a text"));
    match name.as_str() {
        "equals-ignore-case" => text().map(Rule::IgnoreCase),
        "prefix" => text().map(Rule::Prefix),
        "suffix" => text().map(Rule::Suffix),
        "exists" => {
            let exists = serde_json::from_str(json.get());
            exists.map(Rule::Exists).map_err(|_| format!("{at}: expected true or false"))
        }
        "anything-but" => {
            let refused = elements(json.get()).unwrap_or_else(|| vec![json]);
            let refused = refused.into_iter().map(|json| scalar(json.get())).collect::<Option<Vec<_>>>();
            let refused = refused.filter(|refused| !refused.is_empty());
            refused.map(Rule::AnythingBut).ok_or_else(|| format!("{at}: expected texts or numbers"))
        }
        "numeric" => numeric(json.get())
            .map(Rule::Numeric)
            .ok_or_else(|| format!("{at}: expected one or two comparisons, each of =, <, <=, > or >= and a number")),
        _ => Err(format!("{at}: expected an operator that Lambda's filters have: see the developer guide")),
    }
}

fn numeric(json: &str) -> Option<Vec<(Comparison, Number)>> {
    let all: Vec<Value> = serde_json::from_str(json).ok()?;
    let bound = |pair: &[Value]| {
        let [Value::String(comparison), Value::Number(bound)] = pair else { return None };
        let comparison = match comparison.as_str() {
            "=" => Comparison::Equal,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        };
        Some((comparison, bound.clone()))
    };
    let bounds: Vec<_> = all.chunks(2).map(bound).collect::<Option<_>>()?;
    (1..=2).contains(&bounds.len()).then_some(bounds)
}

#[cfg(test)]
mod tests;
