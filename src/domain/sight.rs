//! What: What a caller may be told of an outcome, and what is withheld.
//!
//! Data: Takes the caller's principal, and those accounts of an outcome that are the caller's own. Gives what stands in
//! place of a reason that tells of somebody else.
//!
//! | the reason tells of | is told to |
//! |---|---|
//! | the request itself | everybody who may see the outcome |
//! | the debtor (of the leg) | its owner |
//! | the creditor (of the leg) | its owner |
//! | the original of a refund | nobody but who sees all, because it may be a stranger's payment |
//!
//! If a stranger that is paid has a maximum balance, every reason that depends on a balance is withheld, also one that
//! tells of the caller. `balance_limit` comes before `insufficient_funds`, so either tells how much the stranger may
//! take. Legs are decided in order, so then no reason of a payment with legs is told, and no leg.
//!
//! Invariants: Every reason of one kind becomes the same name.
//!
//! Limits: That a payment is settled, or is declined for a reason that comes later in the order, tells that no earlier
//! reason held. `docs/authorization.md` says what a caller can find out by that.

use super::decline::Concern;
use super::{Account, AccountId, Outcome, Principal};

/// The ISO 20022 status reason of what is withheld: not specified.
pub const WITHHELD_CODE: &str = "MS03";

/// What stands in place of a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Withheld {
    /// Something about a debtor.
    Debtor,
    /// Something about a creditor.
    Creditor,
    /// Something about the original of a refund.
    Original,
}

impl Withheld {
    /// Each with its stable name.
    pub const ALL: [(Self, &'static str); 3] = [
        (Self::Debtor, "debtor_unavailable"),
        (Self::Creditor, "creditor_unavailable"),
        (Self::Original, "original_unavailable"),
    ];

    /// The stable name, as answered.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Debtor => Self::ALL[0].1,
            Self::Creditor => Self::ALL[1].1,
            Self::Original => Self::ALL[2].1,
        }
    }
}

/// What a caller sees.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// Everything.
    All,
    /// What concerns its own accounts.
    Own {
        /// Who calls. `None`: nobody knows.
        principal: Option<Principal>,
        /// The caller's accounts among those of the outcome.
        accounts: Vec<AccountId>,
        /// The accounts of others among them that have a maximum balance.
        bounded: Vec<AccountId>,
    },
}

impl Sight {
    /// What this principal sees, if these are the accounts that were found.
    #[must_use]
    pub fn own<'a>(principal: Option<&Principal>, found: impl IntoIterator<Item = &'a Account>) -> Self {
        let is_own = |account: &&Account| account.owner.is_some() && account.owner.as_ref() == principal;
        let (own, others): (Vec<&Account>, Vec<&Account>) = found.into_iter().partition(is_own);
        let ids = |accounts: &mut dyn Iterator<Item = &Account>| accounts.map(|account| account.id.clone()).collect();
        let bounded = ids(&mut others.into_iter().filter(|account| account.max_balance().is_some()));
        Self::Own { principal: principal.cloned(), accounts: ids(&mut own.into_iter()), bounded }
    }

    /// Whether this account is seen.
    #[must_use]
    pub fn sees(&self, account: &AccountId) -> bool {
        match self {
            Self::All => true,
            Self::Own { accounts, .. } => accounts.contains(account),
        }
    }

    /// Whether an account of the outcome is seen.
    #[must_use]
    pub fn sees_party(&self, outcome: &Outcome) -> bool {
        parties(outcome).iter().any(|party| self.sees(party))
    }

    /// Whether the outcome may tell who asked: to who sees all, and to whoever asked.
    #[must_use]
    pub fn sees_requester(&self, outcome: &Outcome) -> bool {
        match self {
            Self::All => true,
            Self::Own { principal, .. } => principal.is_some() && *principal == outcome.requested_by,
        }
    }

    /// What stands in place of the outcome's reason. `None`: the reason itself may be told, or there is none.
    #[must_use]
    pub fn withheld(&self, outcome: &Outcome) -> Option<Withheld> {
        let decline = outcome.decision.err()?;
        if self.pays_bounded(outcome) && (decline.depends_on_balance().is_some() || self.hides_leg(outcome)) {
            return Some(Withheld::Creditor);
        }
        let leg = outcome.declined_leg.map_or(0, |leg| usize::from(leg.get()).saturating_sub(1));
        let transfer = outcome.transfers().nth(leg);
        let debtor = transfer.map_or(outcome.instruction.debtor(), |transfer| transfer.debtor);
        let withheld = match decline.concerns() {
            Concern::Request => return None,
            Concern::Debtor => Withheld::Debtor,
            Concern::Creditor => Withheld::Creditor,
            Concern::Original => Withheld::Original,
        };
        let is_told = match withheld {
            Withheld::Debtor => self.sees(debtor),
            Withheld::Creditor => transfer.is_some_and(|transfer| self.sees(transfer.creditor)),
            Withheld::Original => *self == Self::All,
        };
        (!is_told).then_some(withheld)
    }
}

impl Sight {
    /// Whether the leg that was declined may not be told.
    #[must_use]
    pub fn hides_leg(&self, outcome: &Outcome) -> bool {
        !outcome.instruction.legs().is_empty() && self.pays_bounded(outcome)
    }

    /// Whether the outcome pays, or would pay, somebody else who has a maximum balance.
    fn pays_bounded(&self, outcome: &Outcome) -> bool {
        let Self::Own { bounded, .. } = self else { return false };
        outcome.transfers().any(|transfer| bounded.contains(transfer.creditor))
    }
}

/// The accounts that an outcome names, each once.
#[must_use]
pub fn parties(outcome: &Outcome) -> Vec<&AccountId> {
    let moved = outcome.transfers().flat_map(|transfer| [transfer.debtor, transfer.creditor]);
    let mut parties: Vec<&AccountId> = std::iter::once(outcome.instruction.debtor()).chain(moved).collect();
    parties.sort_unstable();
    parties.dedup();
    parties
}
