//! What a handler is told by its environment.
//!
//! In: variables. Out: a typed configuration, or every fault at once, so that one deployment mends them all.
//!
//! [`VARIABLES`] lists each variable that is read here; `tests/it/tidy.rs` holds it against the template. The SDK reads
//! its own (`AWS_REGION`, `AWS_ENDPOINT_URL_DYNAMODB`, …), and [`crate::telemetry`] the log level.

use crate::store::Tables;

/// Every variable that this module reads.
pub const VARIABLES: [&str; 4] = [ACCOUNTS_TABLE, PAYMENTS_TABLE, DEAD_LETTERS_TABLE, PARTIAL_BATCH_RESPONSE];

const ACCOUNTS_TABLE: &str = "ACCOUNTS_TABLE";
const PAYMENTS_TABLE: &str = "PAYMENTS_TABLE";
const DEAD_LETTERS_TABLE: &str = "DEAD_LETTERS_TABLE";
const PARTIAL_BATCH_RESPONSE: &str = "PARTIAL_BATCH_RESPONSE";

/// Everything that is wrong with the environment.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment is not complete:{}", .0.iter().map(|fault| format!("\n  {fault}")).collect::<String>())]
pub struct ConfigError(Vec<String>);

/// What `payment-processor` is told.
#[derive(Debug, PartialEq, Eq)]
pub struct PaymentProcessorConfig {
    /// The tables.
    pub tables: Tables,
    /// Whether the event source mapping asks for partial batch responses (`ReportBatchItemFailures`). Where it doesn't,
    /// Lambda would take a list of failures for success.
    pub partial_batch_response: bool,
}

impl PaymentProcessorConfig {
    /// Reads the process's environment.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that is missing or not understood.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads variables from wherever `lookup` finds them.
    ///
    /// # Errors
    /// [`ConfigError`] with every variable that is missing or not understood.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader { lookup, faults: Vec::new() };
        let tables = Tables {
            accounts: reader.text(ACCOUNTS_TABLE, "the name of the accounts table"),
            payments: reader.text(PAYMENTS_TABLE, "the name of the payments table"),
            dead_letters: reader.text(DEAD_LETTERS_TABLE, "the name of the dead letters table"),
        };
        let partial_batch_response = reader.flag(PARTIAL_BATCH_RESPONSE);
        reader.finish(Self { tables, partial_batch_response })
    }
}

/// Reads variables and gathers what is wrong with them.
struct Reader<L> {
    lookup: L,
    faults: Vec<String>,
}

impl<L: Fn(&str) -> Option<String>> Reader<L> {
    fn text(&mut self, name: &str, expected: &str) -> String {
        let found = (self.lookup)(name).filter(|text| !text.is_empty());
        found.unwrap_or_else(|| {
            self.faults.push(format!("{name} is not set: expected {expected}"));
            String::new()
        })
    }

    /// A flag that is off where it isn't set.
    fn flag(&mut self, name: &str) -> bool {
        match (self.lookup)(name).as_deref() {
            Some("true") => true,
            None | Some("" | "false") => false,
            Some(_) => {
                self.faults.push(format!("{name} is not understood: expected true or false"));
                false
            }
        }
    }

    fn finish<C>(self, config: C) -> Result<C, ConfigError> {
        if self.faults.is_empty() { Ok(config) } else { Err(ConfigError(self.faults)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<PaymentProcessorConfig, ConfigError> {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        PaymentProcessorConfig::read(lookup)
    }

    #[test]
    fn every_fault_is_told_at_once() {
        let error = read(&[("ACCOUNTS_TABLE", "accounts"), ("PAYMENTS_TABLE", ""), ("PARTIAL_BATCH_RESPONSE", "yes")]);
        expect_test::expect![[r#"
            the environment is not complete:
              PAYMENTS_TABLE is not set: expected the name of the payments table
              DEAD_LETTERS_TABLE is not set: expected the name of the dead letters table
              PARTIAL_BATCH_RESPONSE is not understood: expected true or false"#]]
        .assert_eq(&error.unwrap_err().to_string());
    }

    #[test]
    fn partial_responses_are_off_unless_asked_for() {
        let tables = [("ACCOUNTS_TABLE", "a"), ("PAYMENTS_TABLE", "p"), ("DEAD_LETTERS_TABLE", "d")];
        assert!(!read(&tables).unwrap().partial_batch_response);
        let with = |value| read(&[tables[0], tables[1], tables[2], ("PARTIAL_BATCH_RESPONSE", value)]);
        assert!(!with("false").unwrap().partial_batch_response);
        assert!(with("true").unwrap().partial_batch_response);
    }

    #[test]
    fn the_list_of_variables_is_what_is_read() {
        let asked = std::cell::RefCell::new(Vec::new());
        let _ = PaymentProcessorConfig::read(|name| {
            asked.borrow_mut().push(name.to_owned());
            None
        });
        assert_eq!(asked.into_inner(), VARIABLES);
    }
}
