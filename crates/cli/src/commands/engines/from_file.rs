//! What: Takes engines and names from a `giro.toml`.
//!
//! Invariants: The engines of a file belong together, as those of a stack do. They all count, or none does, and so do
//! the names. So records of one ledger never go to the topics of another.

use std::path::Path;

use super::EngineArgs;

impl EngineArgs {
    /// These engines, and what `file` names in place of what nobody named. Nothing of the file counts if a flag or a
    /// variable names an engine that is not the file's, or if the stack of this folder is used.
    pub(in crate::commands) fn completed(self, file: &Self, path: &Path) -> Self {
        // A stack that doesn't answer must not be replaced by other engines. Named engines are none of its own.
        let is_taken = match self.stack() {
            Ok(stack) => stack.is_some(),
            Err(_) => !self.names_an_engine(),
        };
        if is_taken { self } else { self.completed_for_a_stack(file, path) }
    }

    /// The same for a stack that is to be started, so that no other is asked for.
    pub(in crate::commands) fn completed_for_a_stack(self, file: &Self, path: &Path) -> Self {
        let named = [
            (&self.kafka_bootstrap_servers, &file.kafka_bootstrap_servers),
            (&self.dynamodb_endpoint, &file.dynamodb_endpoint),
            (&self.lambda_endpoint, &file.lambda_endpoint),
        ];
        let is_of_the_file =
            |(named, of_the_file): (&Option<String>, &Option<String>)| named.is_none() || named == of_the_file;
        if self.aws || !named.into_iter().all(is_of_the_file) {
            return self;
        }
        let or = |named: Option<String>, of_the_file: &Option<String>| named.or_else(|| of_the_file.clone());
        Self {
            kafka_bootstrap_servers: or(self.kafka_bootstrap_servers, &file.kafka_bootstrap_servers),
            dynamodb_endpoint: or(self.dynamodb_endpoint, &file.dynamodb_endpoint),
            lambda_endpoint: or(self.lambda_endpoint, &file.lambda_endpoint),
            lambda_polls_streams: self.lambda_polls_streams || file.lambda_polls_streams,
            aws: false,
            accounts_table: or(self.accounts_table, &file.accounts_table),
            payments_table: or(self.payments_table, &file.payments_table),
            refunds_table: or(self.refunds_table, &file.refunds_table),
            dead_letters_table: or(self.dead_letters_table, &file.dead_letters_table),
            account_commands_table: or(self.account_commands_table, &file.account_commands_table),
            checkpoints_table: or(self.checkpoints_table, &file.checkpoints_table),
            audit_heads_table: or(self.audit_heads_table, &file.audit_heads_table),
            file: Some(path.to_owned()),
        }
    }

    fn names_an_engine(&self) -> bool {
        [&self.kafka_bootstrap_servers, &self.dynamodb_endpoint, &self.lambda_endpoint].into_iter().any(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        engines: EngineArgs,
    }

    fn engines(flags: &str) -> EngineArgs {
        let words = std::iter::once("giro").chain(flags.split_whitespace());
        Command::try_parse_from(words).unwrap().engines
    }

    /// Each row: what a file names, what flags name, and the flags that mean the same without a file.
    #[test]
    fn all_engines_of_a_file_count_or_none() {
        const K: &str = "--kafka-bootstrap-servers k:1";
        const D: &str = "--dynamodb-endpoint http://d";
        const L: &str = "--lambda-endpoint http://l";
        const T: &str = "--accounts-table t-a --payments-table t-p";
        let all = [K, D, L, T].join(" ");
        for (file, flags, same) in [
            (all.as_str(), "", all.as_str()),
            (&all, K, &all),
            (&all, D, &all),
            (&all, L, &all),
            (&all, "--aws", "--aws"),
            (&all, "--kafka-bootstrap-servers k:2", "--kafka-bootstrap-servers k:2"),
            (&all, "--dynamodb-endpoint http://e", "--dynamodb-endpoint http://e"),
            (&all, "--lambda-endpoint http://m", "--lambda-endpoint http://m"),
            (
                &all,
                "--dynamodb-endpoint http://d --lambda-endpoint http://m",
                "--dynamodb-endpoint http://d --lambda-endpoint http://m",
            ),
            (
                &all,
                "--accounts-table mine",
                "--kafka-bootstrap-servers k:1 --dynamodb-endpoint http://d --lambda-endpoint http://l --accounts-table mine --payments-table t-p",
            ),
            // A file with Kafka alone is none for whoever names a DynamoDB.
            (K, D, D),
            (K, "--aws", "--aws"),
            (K, "", K),
            (T, D, D),
            (T, "", T),
            ("", K, K),
            (
                "--lambda-endpoint http://l --lambda-polls-streams",
                "",
                "--lambda-endpoint http://l --lambda-polls-streams",
            ),
            ("--lambda-endpoint http://l --lambda-polls-streams", K, K),
        ] {
            let mut completed = engines(flags).completed_for_a_stack(&engines(file), Path::new("giro.toml"));
            let is_used = completed.file.take().is_some();
            assert_eq!(format!("{completed:?}"), format!("{:?}", engines(same)), "{file} and {flags}");
            assert!(is_used || flags == same, "{file} and {flags}");
        }
    }
}
