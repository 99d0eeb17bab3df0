//! What: Reads YAML with CloudFormation's short tags as JSON in the long form: `!Sub text` becomes `{"Fn::Sub":
//! "text"}`.
//!
//! Data: Takes a template's text (JSON is YAML too). Gives one value, which `resolve` interprets.

use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Number, Value};

/// Reads a template.
///
/// # Errors
/// The place where the text isn't YAML, or holds something that JSON doesn't have.
pub fn read(text: &str) -> Result<Value, String> {
    let documents = Yaml::load_from_str(text).map_err(|error| format!("not YAML: {error}"))?;
    value(documents.first().ok_or("expected a template, found nothing")?)
}

fn value(node: &Yaml<'_>) -> Result<Value, String> {
    match node {
        Yaml::Value(scalar) => scalar_value(scalar),
        Yaml::Representation(text, _, _) => Ok(Value::from(text.as_ref())),
        Yaml::Sequence(items) => items.iter().map(value).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(name, node)| Ok((text(&value(name)?)?, value(node)?));
            entries.iter().map(entry).collect::<Result<Map<_, _>, String>>().map(Value::Object)
        }
        Yaml::Tagged(tag, node) => Ok(intrinsic(&tag.suffix, value(node)?)),
        Yaml::Alias(_) | Yaml::BadValue => Err("expected no aliases and well-formed scalars".into()),
    }
}

fn scalar_value(scalar: &Scalar<'_>) -> Result<Value, String> {
    match scalar {
        Scalar::Null => Ok(Value::Null),
        Scalar::Boolean(flag) => Ok(Value::from(*flag)),
        Scalar::Integer(number) => Ok(Value::from(*number)),
        Scalar::FloatingPoint(number) => {
            Number::from_f64(number.0).map(Value::Number).ok_or_else(|| "expected a finite number".into())
        }
        Scalar::String(text) => Ok(Value::from(text.as_ref())),
    }
}

/// A mapping's name, which may look like a number.
fn text(name: &Value) -> Result<String, String> {
    super::resolve::scalar(name).ok_or_else(|| "expected the names in a mapping to be text".into())
}

fn intrinsic(tag: &str, argument: Value) -> Value {
    let (name, argument) = match (tag, argument) {
        ("Ref" | "Condition", argument) => (tag.to_owned(), argument),
        // `!GetAtt Resource.Attribute.Part`: all after the first dot is the attribute.
        ("GetAtt", Value::String(path)) => match path.split_once('.') {
            Some((resource, attribute)) => ("Fn::GetAtt".into(), Value::from(vec![resource, attribute])),
            None => ("Fn::GetAtt".into(), Value::String(path)),
        },
        (tag, argument) => (format!("Fn::{tag}"), argument),
    };
    Value::Object(Map::from_iter([(name, argument)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(yaml: &str, expected: &expect_test::Expect) {
        let read = read(yaml).map_or_else(|fault| format!("fault: {fault}"), |value| value.to_string());
        expected.assert_eq(&read);
    }

    #[test]
    fn short_tags_become_the_long_form() {
        check(
            "A: !Ref B\nC: !Sub 'x-${B}'\nD: !GetAtt E.Outputs.F\nG: !If [H, !Not [!Condition I], 3]",
            &expect_test::expect![[
                r#"{"A":{"Ref":"B"},"C":{"Fn::Sub":"x-${B}"},"D":{"Fn::GetAtt":["E","Outputs.F"]},"G":{"Fn::If":["H",{"Fn::Not":[{"Condition":"I"}]},3]}}"#
            ]],
        );
        check(
            "A: !Sub\n  - '${X}'\n  - X: !Join ['-', [a, 2, true]]",
            &expect_test::expect![[r#"{"A":{"Fn::Sub":["${X}",{"X":{"Fn::Join":["-",["a",2,true]]}}]}}"#]],
        );
    }

    #[test]
    fn scalars_keep_their_kind() {
        check(
            "Version: '2012-10-17'\nDate: 2010-09-09\nN: 12\nF: 0.5\nT: true\nE:\nQ: '12'\n200: ok",
            &expect_test::expect![[
                r#"{"200":"ok","Date":"2010-09-09","E":null,"F":0.5,"N":12,"Q":"12","T":true,"Version":"2012-10-17"}"#
            ]],
        );
    }

    #[test]
    fn what_is_no_yaml_is_told() {
        check(
            "A: [1, 2",
            &expect_test::expect![
                "fault: not YAML: while parsing a flow sequence, expected ',' or ']' at byte 8 line 2 column 1"
            ],
        );
        check("", &expect_test::expect!["fault: expected a template, found nothing"]);
    }
}
