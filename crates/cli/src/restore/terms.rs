//! What: Says what recorded account commands made of the terms of accounts.
//!
//! Data: Takes the records of commands. Gives [`Said`] for each account that an applied command names.
//!
//! Invariants: It knows no balance. An applied command is never judged again: the record says that it was applied.
//!
//! Limits: What no command says, such as the terms of an account that was opened without one, only the account's item
//! tells.

use std::collections::BTreeMap;

use giro::domain::account_command::{Action, RecordedCommand, Terms, opened};
use giro::domain::{
    Account, AccountId, AccountLimits, AccountStatus, CreditLanes, Currency, Limits, OverdraftLimit, Principal,
    Timestamp,
};
use giro::store::in_deciding_order;

/// What commands say of an account. `None`: no command says anything of that.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// Its currency, and when it was opened.
    opened: Option<(Currency, Timestamp)>,
    status: Option<AccountStatus>,
    overdraft_limit: Option<OverdraftLimit>,
    /// Its owner, if it has one.
    owner: Option<Option<Principal>>,
    /// The most lanes that a command asked for.
    lanes: CreditLanes,
    limits: Option<AccountLimits>,
    /// When each version of its limits began.
    versions: Vec<(Timestamp, u64)>,
}

/// What the records of commands say, by account.
#[must_use]
pub fn said(commands: &[RecordedCommand]) -> BTreeMap<AccountId, Said> {
    let mut commands: Vec<RecordedCommand> = commands.iter().filter(|it| it.decision.is_ok()).cloned().collect();
    in_deciding_order(&mut commands);
    let mut all = BTreeMap::<AccountId, Said>::new();
    for recorded in &commands {
        all.entry(recorded.command.account.clone()).or_default().takes(recorded);
    }
    all
}

impl Said {
    fn takes(&mut self, recorded: &RecordedCommand) {
        match &recorded.command.action {
            // Another one that was applied found the account as it wanted it.
            Action::Open(_) if self.opened.is_some() => {}
            Action::Open(terms) => {
                self.opened = Some((terms.currency, recorded.decided_at));
                self.owner = self.owner.take().or(Some(terms.owner.clone()));
                self.status = self.status.or(Some(AccountStatus::Open));
                self.overdraft_limit = self.overdraft_limit.or(Some(terms.overdraft_limit));
                self.lanes = self.lanes.max(terms.credit_lanes);
            }
            Action::Freeze => self.status = Some(AccountStatus::Frozen),
            Action::Unfreeze => self.status = Some(AccountStatus::Open),
            Action::Close => self.status = Some(AccountStatus::Closed),
            Action::SetOverdraftLimit(to) => self.overdraft_limit = Some(*to),
            Action::SetOwner(to) => self.owner = Some(to.clone()),
            Action::AddLanes(lanes) => self.lanes = self.lanes.max(*lanes),
            Action::SetLimits(to) => {
                if *to != self.limits.as_ref().map_or(Limits::NONE, AccountLimits::limits) {
                    let limits = AccountLimits::replaced(self.limits.as_ref(), *to);
                    self.versions.push((recorded.decided_at, limits.version));
                    self.limits = Some(limits);
                }
            }
        }
    }

    /// The version of limits that a payment decided then counts under. `None`: there were none.
    ///
    /// Commands and payments are decided by clocks of different machines. So near a change of limits a payment may get
    /// the version beside its own.
    #[must_use]
    pub fn limits_version(&self, decided_at: Timestamp) -> Option<u64> {
        self.versions.iter().rev().find(|(began, _)| *began <= decided_at).map(|(_, version)| *version)
    }

    /// The account as commands made it: `item` is what the table has of it. `None`: it never was opened.
    fn account(&self, id: &AccountId, item: Option<&Account>, lanes_min: CreditLanes) -> Option<Account> {
        let as_opened = || {
            let (currency, opened_at) = self.opened?;
            let (overdraft_limit, credit_lanes) = (self.overdraft_limit?, self.lanes.max(lanes_min));
            let terms = Terms { currency, overdraft_limit, credit_lanes, owner: None };
            Some(opened(id, terms, opened_at))
        };
        let mut account = item.cloned().or_else(as_opened)?;
        account.currency = self.opened.map_or(account.currency, |(currency, _)| currency);
        account.status = self.status.unwrap_or(account.status);
        account.owner = self.owner.clone().unwrap_or(account.owner);
        account.overdraft_limit = self.overdraft_limit.unwrap_or(account.overdraft_limit);
        account.credit_lanes = account.credit_lanes.max(self.lanes);
        // The command that the item lacks let it pay from its lanes.
        let lanes_and_limit = |account: &Account| (account.credit_lanes, account.overdraft_limit);
        let is_as_before = item.is_some_and(|item| lanes_and_limit(item) == lanes_and_limit(&account));
        account.lane_debits |= account.awaits_lane_debits() && !is_as_before;
        // The version only rises. So limits of a higher one are newer, whoever tells them.
        let newer = self.limits.as_ref().filter(|limits| limits.version > account.limits_version());
        if let Some(limits) = newer {
            account.limits = Some(Box::new(limits.clone()));
        }
        Some(account)
    }
}

/// Every account with the terms that commands gave it. Where no command says anything, an item tells. Balances, and
/// what is used of windows, are still those of the items.
#[must_use]
pub fn accounts(
    items: &BTreeMap<AccountId, Account>,
    said: &BTreeMap<AccountId, Said>,
    lanes_min: CreditLanes,
) -> BTreeMap<AccountId, Account> {
    let mut accounts = items.clone();
    for (id, said) in said {
        if let Some(account) = said.account(id, items.get(id), lanes_min) {
            accounts.insert(id.clone(), account);
        }
    }
    accounts
}
