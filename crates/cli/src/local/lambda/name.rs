//! What: Reads the names that the Invoke call takes for a function. It is pure.
//!
//! A name is a name alone, a partial ARN, or an ARN. Each may have a version or an alias after it.
//!
//! Source: AWS Lambda API reference, Invoke, `FunctionName` and its pattern.

/// A function that a caller names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Named<'t> {
    pub(super) function: &'t str,
    /// A version or an alias.
    pub(super) qualifier: Option<&'t str>,
}

/// Reads a name. `None` if the text isn't one.
pub(super) fn read(text: &str) -> Option<Named<'_>> {
    let parts: Vec<&str> = text.split(':').collect();
    let rest = match parts.as_slice() {
        ["arn", partition, "lambda", region, account, "function", rest @ ..] => {
            (partition.starts_with("aws") && !region.is_empty() && is_account(account)).then_some(rest)?
        }
        [account, "function", rest @ ..] if is_account(account) => rest,
        ["function", rest @ ..] if !rest.is_empty() => rest,
        rest => rest,
    };
    match rest {
        [function] if is_name(function) => Some(Named { function, qualifier: None }),
        [function, qualifier] if is_name(function) && is_qualifier(qualifier) => {
            Some(Named { function, qualifier: Some(qualifier) })
        }
        _ => None,
    }
}

/// Whether a text may name a version or an alias.
pub(super) fn is_qualifier(text: &str) -> bool {
    let text = text.strip_prefix("$LATEST").map_or(text, |rest| if rest.is_empty() { "LATEST" } else { "$" });
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_name(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.len() <= 140 && text.bytes().all(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let read = read(text).map(|named| format!("{} {}", named.function, named.qualifier.unwrap_or("-")));
        assert_eq!(read.as_deref().unwrap_or("none"), expected, "{text}");
    }

    #[test]
    fn every_form_of_a_name_is_read() {
        check("f", "f -");
        check("eu-payment_processor.x", "eu-payment_processor.x -");
        check("f:$LATEST", "f $LATEST");
        check("f:live", "f live");
        check("f:7", "f 7");
        check("function:f", "f -");
        check("123456789012:function:f", "f -");
        check("123456789012:function:f:live", "f live");
        check("arn:aws:lambda:eu-central-1:123456789012:function:f", "f -");
        check("arn:aws-cn:lambda:cn-north-1:123456789012:function:f:$LATEST", "f $LATEST");
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in [
            "",
            ":",
            "f:",
            "f:a:b",
            "a b",
            "f/g",
            "f:$HEAD",
            "f:$LATEST2",
            "12345:function:f",
            "arn:aws:lambda:eu-central-1:123456789012:function",
            "arn:aws:lambda:eu-central-1:123456789012:function:",
            "arn:aws:lambda::123456789012:function:f",
            "arn:aws:sqs:eu-central-1:123456789012:function:f",
        ] {
            check(text, "none");
        }
    }
}
