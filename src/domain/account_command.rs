//! What: An account command: what it asks of an account, the rules that apply or refuse it, and its record.
//!
//! Data: Takes a command and the account as it is. Gives a [`AccountChange`] with its conditions, or a [`Refusal`].
//!
//! | command | on an account that is | gives |
//! |---|---|---|
//! | `open` | missing | a new account, open, at balance zero |
//! | `freeze` | open | frozen, and all lanes that it counts |
//! | `unfreeze` | frozen | open, and all lanes that it counts |
//! | `close` | open or frozen, at balance zero with its lanes | closed for ever, and all lanes that it counts |
//! | `set_overdraft_limit` | open or frozen, its main item's balance within the new limit; with its lanes, if it had none | the new limit |
//! | `set_limits` | open or frozen, with an overdraft limit, and holding no more than the new maximum | the new limits, in place of all others |
//! | `add_lanes` | open or frozen, with fewer lanes | as many lanes |
//! | `set_owner` | open or frozen | the new owner, or none |
//!
//! If the account already is as the command wants it, the command is applied and changes nothing. Every other command
//! is refused.
//!
//! Invariants: A refusal is a business answer: it is recorded and acknowledged, never retried. A change carries the
//! weakest conditions that its rule allows, so that payments to a busy account don't keep it from being frozen. No
//! condition of a change is on the version. Only three have conditions on exact balances: closing, the first
//! overdraft limit of an account whose lanes may owe, and a maximum balance that begins. If a command changes nothing,
//! its record is written only if its preconditions hold ([`Precondition`]).
//!
//! A lane comes into being with its first payment. Freezing and closing make those that aren't there yet, so that no
//! payment makes an open one beside an account that isn't open. The first limit makes them too, so that no payment
//! makes one that may owe.
//!
//! A command is one transaction of its record, the main item and the lanes, if all of them fit. If they don't fit,
//! lanes come first, in steps that are safe to repeat. The record and the main item come last. Until then the command
//! has not happened, and whoever takes it up again goes through all steps. No step happens once the command has its
//! record.

mod action;
mod change;
mod decide;
mod precondition;
mod step;

use std::fmt;

use sha2::{Digest, Sha256};

use super::plan::TRANSACTION_ITEMS_MAX;
use super::{AccountId, Amount, CommandId, CreditLanes, Fingerprint, OverdraftLimit, Principal, Source, Timestamp};

pub use action::{Action, Terms};
pub use change::{AccountChange, LaneChange};
pub use decide::{decide, looks_at_lanes, opened, too_busy};
pub use precondition::{BalanceBound, Precondition};
pub use step::{CommandStep, DecidedCommand};

/// The most lanes that fit one transaction beside the command's record and the main item.
pub const LANES_TOGETHER_MAX: usize = TRANSACTION_ITEMS_MAX - 2;

/// What an operator has chosen for all accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// The fewest lanes that an account is opened with, whatever a command asks for.
    pub lanes_min: CreditLanes,
    /// Whether accounts may get limits: every version that decides payments knows them.
    pub accepts_limits: bool,
}

/// A command that someone sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountCommand {
    /// The idempotency key.
    pub id: CommandId,
    /// The account that it is about.
    pub account: AccountId,
    /// What it asks for.
    pub action: Action,
    /// When the sender says it asked. It is kept, but not trusted, and not part of the fingerprint.
    pub requested_at: Option<Timestamp>,
}

impl AccountCommand {
    /// Two commands of one id are the same command if their fingerprints are equal. It is SHA-256 over account, command
    /// and parameters.
    ///
    /// The encoding is fixed for ever, because stored commands hold it. First comes a version byte 1. Then come the
    /// account and the command's name, each as one byte of length and its ASCII. For `open` the currency's three
    /// letters follow. For `open` and `set_overdraft_limit` the limit follows: 0 for none, or 1 and eight bytes,
    /// big-endian. For `open` and `add_lanes` the number of lanes follows as two bytes, big-endian. For `set_limits`
    /// eight numbers follow, each as a limit: the largest payment, the largest balance, and for an hour, a day and a
    /// month the amount and the number of payments. For `set_owner`, and for an `open` with an owner, the owner
    /// follows as one byte of length and its ASCII. The length is 0 if an owner is taken away.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        hash.update([1]);
        for text in [self.account.as_str(), self.action.name()] {
            // An id has at most 64 bytes, a name fewer.
            hash.update([u8::try_from(text.len()).unwrap_or(u8::MAX)]);
            hash.update(text);
        }
        let limit = |hash: &mut Sha256, limit| match limit {
            OverdraftLimit::Unlimited => hash.update([0]),
            OverdraftLimit::Limited(limit) => {
                hash.update([1]);
                hash.update(limit.to_be_bytes());
            }
        };
        let owner = |hash: &mut Sha256, owner: &Option<Principal>| {
            let owner = owner.as_ref().map_or("", Principal::as_str);
            // A principal has at most 128 bytes.
            hash.update([u8::try_from(owner.len()).unwrap_or(u8::MAX)]);
            hash.update(owner);
        };
        match &self.action {
            Action::Open(terms) => {
                hash.update(terms.currency.as_str());
                limit(&mut hash, terms.overdraft_limit);
                hash.update(terms.credit_lanes.count().to_be_bytes());
                if terms.owner.is_some() {
                    owner(&mut hash, &terms.owner);
                }
            }
            Action::SetOverdraftLimit(to) => limit(&mut hash, *to),
            Action::AddLanes(lanes) => hash.update(lanes.count().to_be_bytes()),
            Action::SetLimits(limits) => {
                let windows = limits.windows.map(|window| window.map(|limit| [limit.amount, limit.count]));
                let windows = windows.into_iter().flat_map(Option::unwrap_or_default);
                let first = [limits.max_payment.map(Amount::minor_units), limits.max_balance];
                for most in first.into_iter().chain(windows) {
                    limit(&mut hash, most.map_or(OverdraftLimit::Unlimited, OverdraftLimit::Limited));
                }
            }
            Action::SetOwner(to) => owner(&mut hash, to),
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
    /// The account is closed for ever. Its id is never opened again.
    AccountClosed,
    /// The account exists on other terms, or is frozen.
    AccountExists,
    /// The operator doesn't accept limits yet, because payments may still be decided by a version that ignores them.
    LimitsNotAccepted,
    /// Limits need an overdraft limit, because an account without one pays from its lanes. So an account that has
    /// limits can't lose its overdraft limit either.
    LimitsNeedOverdraftLimit,
    /// The account must be frozen first, to be closed, or to get its first overdraft limit or maximum balance. It has
    /// more lanes than fit one transaction, so one may change while another is written. Or payments kept changing its
    /// lanes.
    NotFrozen,
    /// The account can't be closed, because it holds money or owes some.
    BalanceNotZero,
    /// The account's main item owes more than the new overdraft limit allows. If it had no limit, the account with its
    /// lanes does.
    LimitBelowBalance,
    /// The account with its lanes holds more than the new maximum balance.
    BalanceAboveLimit,
}

impl Refusal {
    /// Every reason with its stable name. A name is never reused and never renamed, because senders and stored commands
    /// hold it.
    pub const ALL: [(Self, &'static str); 9] = [
        (Self::AccountNotFound, "account_not_found"),
        (Self::AccountClosed, "account_closed"),
        (Self::AccountExists, "account_exists"),
        (Self::LimitsNotAccepted, "limits_not_accepted"),
        (Self::LimitsNeedOverdraftLimit, "limits_need_overdraft_limit"),
        (Self::NotFrozen, "not_frozen"),
        (Self::BalanceNotZero, "balance_not_zero"),
        (Self::LimitBelowBalance, "limit_below_balance"),
        (Self::BalanceAboveLimit, "balance_above_limit"),
    ];

    /// The stable name, as stored and shown.
    #[must_use]
    pub fn name(self) -> &'static str {
        // Every variant has its row (a test holds it), so the fall-back is never used.
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

/// A command that was sent, and the record that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRequest {
    /// What was asked for.
    pub command: AccountCommand,
    /// The record that asked.
    pub source: Source,
}

/// The answer to a command: applied, or refused with a reason.
pub type CommandDecision = Result<(), Refusal>;

/// `applied` or `refused`, as stored and shown.
#[must_use]
pub const fn status_of(decision: CommandDecision) -> &'static str {
    match decision {
        Ok(()) => "applied",
        Err(_) => "refused",
    }
}

/// A command with its one durable answer, as read from the `account-commands` table. It never changes once it is
/// written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCommand {
    /// What was asked for.
    pub command: AccountCommand,
    /// The answer.
    pub decision: CommandDecision,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The record that it answers.
    pub source: Source,
    /// The fingerprint that was stored with it. It says whether a later command of this id is the same one.
    pub fingerprint: Fingerprint,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::limits::WindowLimit;
    use crate::domain::{Currency, Limits};

    #[test]
    fn names_and_order_are_the_contract() {
        let table: Vec<&str> = Refusal::ALL.iter().map(|(_, name)| *name).collect();
        expect_test::expect![[r#"
            account_not_found
            account_closed
            account_exists
            limits_not_accepted
            limits_need_overdraft_limit
            not_frozen
            balance_not_zero
            limit_below_balance
            balance_above_limit"#]]
        .assert_eq(&table.join("\n"));
        assert!(Refusal::ALL.is_sorted_by(|a, b| a.0 < b.0), "the table is in the order of the variants");
        for (refusal, name) in Refusal::ALL {
            assert_eq!((refusal.name(), Refusal::from_name(name)), (name, Some(refusal)));
        }
    }

    pub(super) fn command(account: &str, action: Action) -> AccountCommand {
        AccountCommand {
            id: CommandId::try_new("cmd-1").unwrap(),
            account: AccountId::try_new(account).unwrap(),
            action,
            requested_at: None,
        }
    }

    pub(super) fn actions() -> Vec<Action> {
        let lanes = |count| CreditLanes::try_new(count).unwrap();
        let laned = |currency: &str, overdraft_limit, count| {
            let (currency, credit_lanes) = (Currency::try_new(currency).unwrap(), lanes(count));
            Action::Open(Terms { currency, overdraft_limit, credit_lanes, owner: None })
        };
        let window = Some(WindowLimit { amount: Some(1), count: None });
        let open = |currency, overdraft_limit| laned(currency, overdraft_limit, 0);
        vec![
            open("EUR", OverdraftLimit::Limited(0)),
            open("USD", OverdraftLimit::Limited(0)),
            open("EUR", OverdraftLimit::Limited(1)),
            open("EUR", OverdraftLimit::Unlimited),
            laned("EUR", OverdraftLimit::Limited(0), 2),
            Action::SetOverdraftLimit(OverdraftLimit::Limited(0)),
            Action::SetOverdraftLimit(OverdraftLimit::Limited(1)),
            Action::SetOverdraftLimit(OverdraftLimit::Unlimited),
            Action::Freeze,
            Action::Unfreeze,
            Action::Close,
            Action::AddLanes(lanes(1)),
            Action::AddLanes(lanes(500)),
            Action::SetLimits(Limits::NONE),
            Action::SetLimits(Limits { max_balance: Some(1), ..Limits::NONE }),
            Action::SetLimits(Limits { max_payment: Amount::try_new(1).ok(), ..Limits::NONE }),
            Action::SetLimits(Limits { windows: [window, None, None], ..Limits::NONE }),
            Action::SetLimits(Limits { windows: [None, window, None], ..Limits::NONE }),
            Action::SetOwner(None),
            Action::SetOwner(Principal::try_new("ann").ok()),
            Action::SetOwner(Principal::try_new("bob").ok()),
            Action::Open(Terms {
                currency: Currency::try_new("EUR").unwrap(),
                overdraft_limit: OverdraftLimit::Limited(0),
                credit_lanes: CreditLanes::NONE,
                owner: Principal::try_new("ann").ok(),
            }),
        ]
    }

    /// The encoding is part of the stored data. If this test fails, every stored command looks like another one.
    #[test]
    fn the_fingerprint_never_changes() {
        let shown: Vec<String> = [
            &actions()[4],
            &actions()[7],
            &Action::Freeze,
            &actions()[12],
            &actions()[17],
            &actions()[19],
            &actions()[21],
        ]
        .map(|action| command("alice", action.clone()).fingerprint().to_string())
        .into();
        expect_test::expect![[r#"
            4341e12b4ba7969ee5c653d6c0c6e9f315daae5fc887d25608b4a8c01b94baa3
            a64fab1e862646d04af48d17107821bb3a78d45d2cb410250e449174dc3e18e3
            ccfc7a85cfcc451cc83fd87ee78fde260325b8de9d7d59ec95ce2b368edb10f0
            99372594b4af5a0d9421c885fa535f64c6357e3d465202ba0445f0087e6b4da9
            a9483c2907e38d89f7b3600cc9319beeded3e18d07afa3ff901ffde6f83ccf21
            3b0f34de7868ca9513eef228f582dab3943da62cad2559249d0f43c65e284a0b
            1751b2314b2044aed1f2748efcf83d1518ecc9be8acfac7b9f15b7e775888171"#]]
        .assert_eq(&shown.join("\n"));
    }

    #[test]
    fn the_fingerprint_holds_account_command_and_parameters() {
        let mut seen = std::collections::HashSet::new();
        for action in actions() {
            for account in ["alice", "alic"] {
                assert!(seen.insert(command(account, action.clone()).fingerprint()), "{account} {action:?}");
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
        // The last one opens an account with an owner.
        assert_eq!(names, [&Action::NAMES[..], &["open"]].concat());
    }
}
