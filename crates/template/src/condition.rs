//! What: Decides whether a template's conditions hold. It is pure.

use serde_json::Value;

use super::TemplateError;
use super::resolve::{At, Stacks, scalar};

/// Whether a named condition holds.
pub(super) fn holds(stacks: &Stacks, at: &At, name: &str) -> Result<bool, TemplateError> {
    let condition = stacks.section(at.stack, "Conditions", name);
    let condition = condition.ok_or_else(|| stacks.fault(at, format!("expected a condition: there is no {name}")))?;
    evaluate(stacks, &at.below(name), condition)
}

/// Evaluates a condition.
pub(super) fn evaluate(stacks: &Stacks, at: &At, condition: &Value) -> Result<bool, TemplateError> {
    let call = condition.as_object().filter(|call| call.len() == 1).and_then(|call| call.iter().next());
    let Some((function, argument)) = call else {
        let value = stacks.resolve(at, condition)?;
        return match scalar(&value).as_deref() {
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            _ => Err(stacks.fault(at, "expected a condition")),
        };
    };
    let at = &at.below(function);
    let all = || argument.as_array().ok_or_else(|| stacks.fault(at, "expected a list"));
    match function.as_str() {
        "Condition" => holds(stacks, at, &stacks.text(at, argument)?),
        "Fn::Equals" => match all()?.as_slice() {
            // Parameters are texts: '1' is 1.
            [one, other] => {
                let (one, other) = (stacks.resolve(at, one)?, stacks.resolve(at, other)?);
                Ok(one == other || (scalar(&one).is_some() && scalar(&one) == scalar(&other)))
            }
            _ => Err(stacks.fault(at, "expected two values")),
        },
        "Fn::Contains" | "Fn::EachMemberEquals" | "Fn::EachMemberIn" => members(stacks, at, function, all()?),
        "Fn::Not" => match all()?.as_slice() {
            [one] => evaluate(stacks, at, one).map(|holds| !holds),
            _ => Err(stacks.fault(at, "expected one condition")),
        },
        "Fn::And" => {
            for part in all()? {
                if !evaluate(stacks, at, part)? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
        "Fn::Or" => {
            for part in all()? {
                if evaluate(stacks, at, part)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        _ => Err(stacks.fault(at, format!("{function} is not understood as a condition"))),
    }
}

/// The functions that only rules have: about the members of a list.
fn members(stacks: &Stacks, at: &At, function: &str, arguments: &[Value]) -> Result<bool, TemplateError> {
    let [list, other] = arguments else { return Err(stacks.fault(at, "expected a list and what its members may be")) };
    let list = texts(stacks, at, list)?;
    match function {
        "Fn::Contains" => Ok(list.contains(&stacks.text(at, other)?)),
        "Fn::EachMemberEquals" => {
            let value = stacks.text(at, other)?;
            Ok(list.iter().all(|member| *member == value))
        }
        _ => {
            let others = texts(stacks, at, other)?;
            Ok(list.iter().all(|member| others.contains(member)))
        }
    }
}

fn texts(stacks: &Stacks, at: &At, list: &Value) -> Result<Vec<String>, TemplateError> {
    let list = stacks.resolve(at, list)?;
    let texts: Option<Vec<String>> = list.as_array().and_then(|members| members.iter().map(scalar).collect());
    texts.ok_or_else(|| stacks.fault(at, "expected a list of texts"))
}
