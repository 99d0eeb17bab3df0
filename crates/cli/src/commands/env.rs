//! What: `giro env` prints where the stack of this folder listens, as variables for a shell, for cargo-lambda or for
//! `sam local`.
//!
//! | for | printed |
//! |---|---|
//! | a shell | `export NAME=VALUE`: the addresses, and names that are not the usual ones |
//! | cargo-lambda | `NAME=VALUE`: all variables of one function, as `cargo lambda watch --env-file` reads them |
//! | `sam local` | JSON by function, as `--env-vars` reads it |
//!
//! Invariants: A function gets every variable that the template gives it. No secret of the person is printed.
//!
//! Limits: Flags of `giro up` that change variables for a test, such as `--partitions`, are not in what other emulators
//! get.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use serde_json::{Map, Value, json};

use super::Failure;
use super::engines::given;
use super::up::exports;
use super::up_file::{self, Told};
use crate::local::stack::{Endpoints, StackOptions};
use giro_template::{Blueprint, Function};

/// What `sam local` passes on only if the template has it: the address of every service at once.
const ENDPOINT_OF_ALL: &str = "AWS_ENDPOINT_URL";
/// The address of Kafka's brokers.
const BROKERS: &str = "KAFKA_BOOTSTRAP_SERVERS";

/// Print where the stack of this folder listens, as variables
///
/// Exit code 1 if no stack runs here, 3 if one was killed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  eval \"$(giro env)\"\n  \
                  giro env --for cargo-lambda payment-processor > payment-processor.env\n  \
                  giro env --for sam-local > env.json")]
pub(super) struct EnvArgs {
    /// Who reads it; by default a shell
    #[arg(long = "for", value_enum, value_name = "READER", default_value = "shell")]
    reader: Reader,
    /// For cargo-lambda: the function, by its binary or its name
    #[arg(value_parser = given, value_name = "FUNCTION")]
    function: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reader {
    /// A shell, by eval
    Shell,
    /// cargo lambda watch --env-file
    CargoLambda,
    /// sam local invoke --env-vars
    SamLocal,
}

pub(super) fn run(args: &EnvArgs) -> Result<(), Failure> {
    let told = up_file::running()?.ok_or_else(|| Failure::no("no `giro up` runs in this folder"))?;
    match (args.reader, &args.function) {
        (Reader::Shell | Reader::SamLocal, Some(_)) => {
            return Err(Failure::input("FUNCTION: expected none: only --for cargo-lambda is for one function"));
        }
        (Reader::Shell, None) => {
            for line in exports(&told.endpoints)? {
                say!("{line}");
            }
        }
        (Reader::CargoLambda, function) => {
            let blueprint = blueprint(&told)?;
            for (name, value) in of_function(named(function.as_deref(), &blueprint)?, &told.endpoints) {
                say!("{name}={}", quoted(&value));
            }
        }
        (Reader::SamLocal, None) => {
            let json = serde_json::to_string_pretty(&by_function(&blueprint(&told)?, &told.endpoints));
            for line in json.map_err(Failure::no)?.lines() {
                say!("{line}");
            }
        }
    }
    Ok(())
}

/// What the stack was made from, with the names that its tables have.
fn blueprint(told: &Told) -> Result<Blueprint, Failure> {
    let options = StackOptions {
        templates: told.template.templates(),
        parameters: told.template.parameters.clone(),
        tables: Some(told.endpoints.names.tables.clone()),
        ..StackOptions::default()
    };
    options.blueprint().map_err(Failure::input)
}

fn named<'b>(function: Option<&str>, blueprint: &'b Blueprint) -> Result<&'b Function, Failure> {
    let is_named =
        |known: &&Function| function.is_some_and(|name| [&known.binary, &known.name].contains(&&name.to_owned()));
    blueprint.functions.iter().find(is_named).ok_or_else(|| {
        let all: Vec<&str> = blueprint.functions.iter().map(|function| function.binary.as_str()).collect();
        Failure::input(format!("FUNCTION: expected one of {}", all.join(", ")))
    })
}

/// All variables of a function, as the stack sets them.
fn of_function(function: &Function, endpoints: &Endpoints) -> BTreeMap<String, String> {
    let mut variables = function.environment.clone();
    variables.insert(giro::aws::DYNAMODB_ENDPOINT.into(), endpoints.dynamodb.clone());
    if variables.contains_key(BROKERS) {
        variables.insert(BROKERS.into(), endpoints.kafka_bootstrap_servers.clone());
    }
    // A local engine takes any credentials. Others are the person's, and stay where they are.
    if giro::aws::is_local(&endpoints.dynamodb) {
        let any = [
            ("AWS_REGION", giro::aws::LOCAL_REGION),
            ("AWS_ACCESS_KEY_ID", "local"),
            ("AWS_SECRET_ACCESS_KEY", "local"),
        ];
        variables.extend(any.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
    variables
}

/// The variables of each function, by its name in the template.
fn by_function(blueprint: &Blueprint, endpoints: &Endpoints) -> Value {
    let of = |function: &Function| {
        let mut variables = of_function(function, endpoints);
        variables.insert(ENDPOINT_OF_ALL.into(), endpoints.dynamodb.clone());
        (function.id.clone(), json!(variables))
    };
    Value::Object(blueprint.functions.iter().map(of).collect::<Map<_, _>>())
}

/// A value of an env file. One of plain characters needs no quotes.
fn quoted(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:,@%+=".contains(c);
    match value.chars().all(is_plain) {
        true => value.to_owned(),
        false => format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::stack::Names;
    use giro_template::Templates;

    fn endpoints() -> Endpoints {
        Endpoints {
            kafka_bootstrap_servers: "127.0.0.1:9092".into(),
            dynamodb: "http://127.0.0.1:8000".into(),
            lambda: "http://127.0.0.1:9000".into(),
            http: None,
            names: Names::usual().unwrap(),
        }
    }

    /// What other emulators get is all that the template gives, and where the engines are.
    #[test]
    fn no_variable_of_the_template_is_missing() {
        let blueprint = Templates::Embedded.blueprint(&BTreeMap::new()).unwrap();
        let all = by_function(&blueprint, &endpoints());
        assert_eq!(all.as_object().unwrap().len(), blueprint.functions.len());
        for function in &blueprint.functions {
            let given = of_function(function, &endpoints());
            assert!(function.environment.len() >= 3, "{}", function.id);
            for (name, value) in &function.environment {
                let expected = if name == BROKERS { "127.0.0.1:9092" } else { value };
                assert_eq!(given.get(name).map(String::as_str), Some(expected), "{} {name}", function.binary);
                assert_eq!(all[&function.id][name], expected, "{} {name}", function.id);
            }
            assert_eq!(given["AWS_ENDPOINT_URL_DYNAMODB"], "http://127.0.0.1:8000", "{}", function.id);
            assert_eq!(all[&function.id][ENDPOINT_OF_ALL], "http://127.0.0.1:8000", "{}", function.id);
        }
        assert_eq!(all["PaymentProcessor"]["PAYMENTS_TABLE"], "payments");
        assert_eq!(all["PaymentProcessor"]["AWS_REGION"], giro::aws::LOCAL_REGION);
    }

    #[test]
    fn a_value_of_an_env_file_is_one_value() {
        for (value, line) in [("a-b.c:1", "a-b.c:1"), ("", ""), ("a b", "\"a b\""), ("{\"x\":1}", r#""{\"x\":1}""#)] {
            assert_eq!(quoted(value), line);
        }
    }
}
