//! What: Says whether the tables of checkpoints are those of the ledger that a command reads.

use super::EngineArgs;

impl EngineArgs {
    /// Whether checkpoints may be read: all tables have their usual names, or both of theirs are named. Whoever names
    /// tables of the ledger alone means another ledger than that of the usual checkpoints.
    pub(in crate::commands) fn has_checkpoints(&self) -> bool {
        let proved = [&self.checkpoints_table, &self.audit_heads_table];
        let ledger = [
            &self.accounts_table,
            &self.payments_table,
            &self.refunds_table,
            &self.dead_letters_table,
            &self.account_commands_table,
        ];
        let is_usual = proved.into_iter().chain(ledger).all(Option::is_none);
        is_usual || proved.into_iter().all(Option::is_some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_are_those_of_the_ledger_or_none() {
        #[derive(clap::Parser)]
        struct Command {
            #[command(flatten)]
            engines: EngineArgs,
        }
        for (flags, expected) in [
            ("", true),
            ("--accounts-table a-1", false),
            ("--payments-table p-1", false),
            ("--accounts-table a-1 --payments-table p-1 --refunds-table r-1", false),
            ("--accounts-table a-1 --payments-table p-1 --checkpoints-table c-1", false),
            ("--checkpoints-table c-1", false),
            ("--audit-heads-table h-1", false),
            ("--checkpoints-table c-1 --audit-heads-table h-1", true),
            ("--accounts-table a-1 --checkpoints-table c-1 --audit-heads-table h-1", true),
        ] {
            let words = std::iter::once("giro").chain(flags.split_whitespace());
            let command = <Command as clap::Parser>::try_parse_from(words).unwrap();
            assert_eq!(command.engines.has_checkpoints(), expected, "{flags}");
        }
    }
}
