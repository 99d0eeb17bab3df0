//! What: Says that an address comes from a variable, while the stack of this folder listens elsewhere.
//!
//! Data: Takes the error that names an address, and where the stack listens. Gives a line for a person, or none.
//!
//! A variable of a stack that has ended stays in its shell. Then the error names an address that nobody knows any more.

use crate::local::stack::Endpoints;

/// An error that may name an address of a variable, and what to do if the stack of this folder has another one.
pub(super) fn with_hint(error: String, stack: Option<&Endpoints>) -> String {
    match stack.and_then(|stack| hint(&error, stack, |name| std::env::var(name).ok())) {
        Some(hint) => format!("{error}\n  {hint}"),
        None => error,
    }
}

fn hint(error: &str, stack: &Endpoints, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let engines = [
        ("KAFKA_BOOTSTRAP_SERVERS", "Kafka", &stack.kafka_bootstrap_servers),
        ("AWS_ENDPOINT_URL_DYNAMODB", "DynamoDB", &stack.dynamodb),
        ("AWS_ENDPOINT_URL_LAMBDA", "Lambda", &stack.lambda),
    ];
    let is_meant = |name: &str, own: &str| {
        variable(name).is_some_and(|address| !address.is_empty() && address != own && error.contains(&address))
    };
    let (name, engine, own) = engines.into_iter().find(|(name, _, own)| is_meant(name, own))?;
    Some(format!(
        "the address comes from the variable {name}. The `giro up` of this folder has {engine} at {own}: unset the \
         variable to use that"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::stack::Names;

    #[test]
    fn only_a_variable_that_holds_the_address_of_the_error_is_named() {
        let stack = Endpoints {
            kafka_bootstrap_servers: "127.0.0.1:5".into(),
            dynamodb: "http://127.0.0.1:6".into(),
            lambda: "http://127.0.0.1:7".into(),
            http: None,
            names: Names::usual().unwrap(),
        };
        let error = "DynamoDB at http://127.0.0.1:1: nobody listens there";
        let told =
            |variable: &str, address: &str| hint(error, &stack, |name| (name == variable).then(|| address.to_owned()));
        assert_eq!(
            told("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:1").as_deref(),
            Some(
                "the address comes from the variable AWS_ENDPOINT_URL_DYNAMODB. The `giro up` of this folder has DynamoDB \
                 at http://127.0.0.1:6: unset the variable to use that"
            )
        );
        assert_eq!(told("AWS_ENDPOINT_URL_DYNAMODB", "http://127.0.0.1:2"), None);
        assert_eq!(told("AWS_ENDPOINT_URL_DYNAMODB", ""), None);
        let own = "DynamoDB at http://127.0.0.1:6: it doesn't answer";
        let same = |name: &str| (name == "AWS_ENDPOINT_URL_DYNAMODB").then(|| "http://127.0.0.1:6".to_owned());
        assert_eq!(hint(own, &stack, same), None, "it is the stack's");
    }
}
