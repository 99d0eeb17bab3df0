//! An account command: what it asks of an account, the rules by which it is applied or refused, and the record of that.
//!
//! In: a command and the account as it is. Out: a [`Change`] with the conditions that it rests on, or a [`Refusal`].
//!
//! | command | on an account that is | gives |
//! |---|---|---|
//! | `open` | missing | a new account, open, at balance zero |
//! | `freeze` | open | frozen |
//! | `unfreeze` | frozen | open |
//! | `close` | open or frozen, at balance zero | closed, for ever |
//! | `set_overdraft_limit` | open or frozen, its balance within the new limit | the new limit |
//!
//! A command that finds its account already as it wants it is applied and changes nothing. What is neither is refused.
//!
//! Invariants: a refusal is a business answer: it is recorded and acknowledged, never retried. A change carries the
//! weakest conditions that its rule allows, so that payments to a busy account don't keep it from being frozen: no rule
//! rests on the version, and only closing rests on the exact balance.

use std::fmt;

use sha2::{Digest, Sha256};

use super::{
    Account, AccountId, AccountStatus, Balance, CommandId, Currency, Fingerprint, OverdraftLimit, Source, Timestamp,
};

/// A command that someone sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCommand {
    /// The idempotency key.
    pub id: CommandId,
    /// The account that it is about.
    pub account: AccountId,
    /// What it asks for.
    pub action: Action,
    /// When the sender says it asked; kept, not trusted, and not part of the fingerprint.
    pub requested_at: Option<Timestamp>,
}

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// A new account on these terms.
    Open(Terms),
    /// Another overdraft limit.
    SetOverdraftLimit(OverdraftLimit),
    /// No payment from or to the account, until it is unfrozen.
    Freeze,
    /// Payments again.
    Unfreeze,
    /// No payment ever again.
    Close,
}

/// What a new account is to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Its currency.
    pub currency: Currency,
    /// Its overdraft limit.
    pub overdraft_limit: OverdraftLimit,
}

impl Action {
    /// The name of every command, in the order of the variants.
    pub const NAMES: [&'static str; 5] = ["open", "set_overdraft_limit", "freeze", "unfreeze", "close"];

    /// The stable name, as sent and stored.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::SetOverdraftLimit(_) => "set_overdraft_limit",
            Self::Freeze => "freeze",
            Self::Unfreeze => "unfreeze",
            Self::Close => "close",
        }
    }
}

impl AccountCommand {
    /// What makes two commands of one id the same command: SHA-256 over account, command and parameters.
    ///
    /// The encoding is fixed for ever, because stored commands hold it: a version byte 1; the account and the command's
    /// name, each as one byte of length and its ASCII; of `open` the currency's three letters; of `open` and
    /// `set_overdraft_limit` the limit as 0 for none, or 1 and eight bytes, big-endian.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update([1]);
        for text in [self.account.as_str(), self.action.name()] {
            // An id has at most 64 bytes, a name fewer.
            hash.update([u8::try_from(text.len()).unwrap_or(u8::MAX)]);
            hash.update(text);
        }
        let mut limit = |limit: OverdraftLimit, before: &[u8]| {
            hash.update(before);
            match limit {
                OverdraftLimit::Unlimited => hash.update([0]),
                OverdraftLimit::Limited(limit) => {
                    hash.update([1]);
                    hash.update(limit.to_be_bytes());
                }
            }
        };
        match self.action {
            Action::Open(terms) => limit(terms.overdraft_limit, terms.currency.as_str().as_bytes()),
            Action::SetOverdraftLimit(new) => limit(new, &[]),
            Action::Freeze | Action::Unfreeze | Action::Close => {}
        }
        Fingerprint(hash.finalize().into())
    }
}

/// Why a command was refused. The order of the variants is the order of the checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Refusal {
    /// No account has this id.
    AccountNotFound,
    /// The account is closed, which is for ever; its id is never opened again.
    AccountClosed,
    /// The account to be opened exists on other terms, or is frozen.
    AccountExists,
    /// The account to be closed holds money or owes some.
    BalanceNotZero,
    /// The account owes more than the new overdraft limit allows.
    LimitBelowBalance,
}

impl Refusal {
    /// Every reason with its stable name: never reused and never renamed, because senders and stored commands hold it.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::AccountNotFound, "account_not_found"),
        (Self::AccountClosed, "account_closed"),
        (Self::AccountExists, "account_exists"),
        (Self::BalanceNotZero, "balance_not_zero"),
        (Self::LimitBelowBalance, "limit_below_balance"),
    ];

    /// The stable name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        // Every variant has its row (a test holds it), so the fall-back to the first is never seen.
        Self::ALL.into_iter().find(|row| row.0 == self).unwrap_or(Self::ALL[0]).1
    }

    /// The reason of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|row| row.1 == name).map(|row| row.0)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What an applied command does to its account, and what must still be true of the account for it to happen. The version
/// rises by one with every change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing: the account is as the command wants it. That held as of the read, which came after the command.
    Nothing,
    /// A new account. Condition: no account has its id.
    Open(Account),
    /// Another status.
    Status {
        /// Condition: the status before.
        from: AccountStatus,
        /// The status after.
        to: AccountStatus,
        /// Condition, where the rule rests on it: exactly this balance.
        balance: Option<Balance>,
    },
    /// Another overdraft limit. Condition: the balance is within it.
    Limit {
        /// Condition: the status.
        status: AccountStatus,
        /// The limit after.
        to: OverdraftLimit,
    },
}

impl Change {
    /// Whether the change may happen to the account as it is: its conditions.
    #[must_use]
    pub fn may_happen(&self, account: Option<&Account>) -> bool {
        match (self, account) {
            (Self::Nothing, _) | (Self::Open(_), None) => true,
            (Self::Status { from, balance, .. }, Some(account)) => {
                account.status == *from && balance.is_none_or(|balance| account.balance == balance)
            }
            (Self::Limit { status, to }, Some(account)) => account.status == *status && to.allows(account.balance),
            (Self::Open(_), Some(_)) | (Self::Status { .. } | Self::Limit { .. }, None) => false,
        }
    }

    /// The account as the change leaves it.
    #[must_use]
    pub fn applied_to(&self, account: Option<Account>) -> Option<Account> {
        let with = |change: &dyn Fn(&mut Account)| {
            account.clone().map(|mut account| {
                change(&mut account);
                account.version = account.version.saturating_add(1);
                account
            })
        };
        match self {
            Self::Nothing => account,
            Self::Open(opened) => Some(opened.clone()),
            Self::Status { to, .. } => with(&|account| account.status = *to),
            Self::Limit { to, .. } => with(&|account| account.overdraft_limit = *to),
        }
    }
}

/// Decides a command on the account as it is.
///
/// # Errors
/// The first [`Refusal`] that holds.
pub fn decide(command: &AccountCommand, account: Option<&Account>, now: Timestamp) -> Result<Change, Refusal> {
    let Some(account) = account else {
        return match command.action {
            Action::Open(terms) => Ok(Change::Open(opened(&command.account, terms, now))),
            Action::SetOverdraftLimit(_) | Action::Freeze | Action::Unfreeze | Action::Close => {
                Err(Refusal::AccountNotFound)
            }
        };
    };
    let status = account.status;
    if status == AccountStatus::Closed {
        return if command.action == Action::Close { Ok(Change::Nothing) } else { Err(Refusal::AccountClosed) };
    }
    let become_ = |to| match to == status {
        true => Change::Nothing,
        false => Change::Status { from: status, to, balance: None },
    };
    match command.action {
        Action::Open(terms) => {
            let as_wanted = status == AccountStatus::Open
                && terms == Terms { currency: account.currency, overdraft_limit: account.overdraft_limit };
            if as_wanted { Ok(Change::Nothing) } else { Err(Refusal::AccountExists) }
        }
        Action::Freeze => Ok(become_(AccountStatus::Frozen)),
        Action::Unfreeze => Ok(become_(AccountStatus::Open)),
        Action::Close if account.balance == Balance::ZERO => {
            Ok(Change::Status { from: status, to: AccountStatus::Closed, balance: Some(Balance::ZERO) })
        }
        Action::Close => Err(Refusal::BalanceNotZero),
        Action::SetOverdraftLimit(to) if to == account.overdraft_limit => Ok(Change::Nothing),
        // Nothing may ever stand below its limit, so whoever owes more must pay back first.
        Action::SetOverdraftLimit(to) if !to.allows(account.balance) => Err(Refusal::LimitBelowBalance),
        Action::SetOverdraftLimit(to) => Ok(Change::Limit { status, to }),
    }
}

fn opened(id: &AccountId, terms: Terms, now: Timestamp) -> Account {
    Account {
        id: id.clone(),
        currency: terms.currency,
        status: AccountStatus::Open,
        balance: Balance::ZERO,
        overdraft_limit: terms.overdraft_limit,
        version: 1,
        opened_at: now,
    }
}

/// A command that was sent, and the record that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRequest {
    /// What was asked for.
    pub command: AccountCommand,
    /// The record that asked.
    pub source: Source,
}

/// The answer to a command: applied, or refused with a reason.
pub type CommandVerdict = Result<(), Refusal>;

/// `applied` or `refused`, as stored and shown.
#[must_use]
pub const fn status_of(verdict: CommandVerdict) -> &'static str {
    match verdict {
        Ok(()) => "applied",
        Err(_) => "refused",
    }
}

/// A decided command, to be committed: its record, and with it the change of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedCommand<'a> {
    /// The command and its record.
    pub request: &'a CommandRequest,
    /// What it does, or why it is refused.
    pub ruling: Result<Change, Refusal>,
    /// When it was decided.
    pub decided_at: Timestamp,
}

impl DecidedCommand<'_> {
    /// The answer.
    #[must_use]
    pub fn verdict(&self) -> CommandVerdict {
        self.ruling.as_ref().map(|_| ()).map_err(|refusal| *refusal)
    }
}

/// A command with its one durable answer, as read back from the `account-commands` table: immutable once written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCommand {
    /// What was asked for.
    pub command: AccountCommand,
    /// The answer.
    pub verdict: CommandVerdict,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The record that it answers.
    pub source: Source,
    /// The fingerprint that was stored with it, which says whether a later command of this id is the same one.
    pub fingerprint: Fingerprint,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_order_are_the_contract() {
        let table: Vec<&str> = Refusal::ALL.iter().map(|(_, name)| *name).collect();
        expect_test::expect![[r#"
            account_not_found
            account_closed
            account_exists
            balance_not_zero
            limit_below_balance"#]]
        .assert_eq(&table.join("\n"));
        assert!(Refusal::ALL.is_sorted_by(|a, b| a.0 < b.0), "the table is in the order of the variants");
        for (refusal, name) in Refusal::ALL {
            assert_eq!((refusal.name(), Refusal::from_name(name)), (name, Some(refusal)));
        }
    }

    fn command(account: &str, action: Action) -> AccountCommand {
        AccountCommand {
            id: CommandId::try_new("cmd-1").unwrap(),
            account: AccountId::try_new(account).unwrap(),
            action,
            requested_at: None,
        }
    }

    fn actions() -> Vec<Action> {
        let open = |currency: &str, overdraft_limit| {
            Action::Open(Terms { currency: Currency::try_new(currency).unwrap(), overdraft_limit })
        };
        vec![
            open("EUR", OverdraftLimit::Limited(0)),
            open("USD", OverdraftLimit::Limited(0)),
            open("EUR", OverdraftLimit::Limited(1)),
            open("EUR", OverdraftLimit::Unlimited),
            Action::SetOverdraftLimit(OverdraftLimit::Limited(0)),
            Action::SetOverdraftLimit(OverdraftLimit::Limited(1)),
            Action::SetOverdraftLimit(OverdraftLimit::Unlimited),
            Action::Freeze,
            Action::Unfreeze,
            Action::Close,
        ]
    }

    /// The encoding is part of the stored data: if this fails, every command of yesterday looks like another one.
    #[test]
    fn the_fingerprint_never_changes() {
        let shown: Vec<String> = [actions()[0], actions()[6], Action::Freeze]
            .map(|action| command("alice", action).fingerprint().to_string())
            .into();
        expect_test::expect![[r#"
            42745ed6ebdb8be7c0c1f4d755e290973ac662cbb0f2b1bb36a6f7d8623d5016
            a64fab1e862646d04af48d17107821bb3a78d45d2cb410250e449174dc3e18e3
            ccfc7a85cfcc451cc83fd87ee78fde260325b8de9d7d59ec95ce2b368edb10f0"#]].assert_eq(&shown.join("\n"));
    }

    #[test]
    fn the_fingerprint_holds_account_command_and_parameters() {
        let mut seen = std::collections::HashSet::new();
        for action in actions() {
            for account in ["alice", "alic"] {
                assert!(seen.insert(command(account, action).fingerprint()), "{account} {action:?}");
            }
        }
        let base = command("alice", Action::Freeze);
        let later = AccountCommand { requested_at: Some(Timestamp::EPOCH), ..base.clone() };
        assert_eq!(later.fingerprint(), base.fingerprint(), "a sender's retry may carry another time");
        let other = AccountCommand { id: CommandId::try_new("cmd-2").unwrap(), ..base.clone() };
        assert_eq!(other.fingerprint(), base.fingerprint(), "the id is the key, not the body");
    }

    #[test]
    fn every_command_has_its_name() {
        let mut names: Vec<&str> = actions().iter().map(Action::name).collect();
        names.dedup();
        assert_eq!(names, Action::NAMES);
    }

    /// Whatever is decided may happen at once, and then the same command finds its account as it wants it.
    #[test]
    fn a_change_may_happen_and_leaves_nothing_to_do() {
        let now = Timestamp::EPOCH;
        for status in AccountStatus::ALL {
            for balance in [-2, -1, 0, 1] {
                for overdraft_limit in
                    [OverdraftLimit::Limited(0), OverdraftLimit::Limited(2), OverdraftLimit::Unlimited]
                {
                    let id = AccountId::try_new("alice").unwrap();
                    let terms = Terms { currency: Currency::try_new("EUR").unwrap(), overdraft_limit };
                    let account = Account { status, balance: Balance::new(balance), ..opened(&id, terms, now) };
                    for account in [Some(account), None] {
                        for action in actions() {
                            let command = command("alice", action);
                            let Ok(change) = decide(&command, account.as_ref(), now) else { continue };
                            assert!(change.may_happen(account.as_ref()), "{action:?} {account:?}");
                            let after = change.applied_to(account.clone());
                            assert_eq!(decide(&command, after.as_ref(), now), Ok(Change::Nothing), "{action:?}");
                            let versions = [&account, &after].map(|account| account.as_ref().map_or(0, |a| a.version));
                            assert_eq!(versions[1] - versions[0], u64::from(change != Change::Nothing));
                        }
                    }
                }
            }
        }
    }
}
