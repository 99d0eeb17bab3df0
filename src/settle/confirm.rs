//! Confirms accounts: reads each as it was at one moment, its main item and all of its lanes.
//!
//! In: accounts on which declines for want of money rest. Out: what was read of them, noted in [`Work`].
//!
//! | accounts | are asked for | and confirmed if |
//! |---|---|---|
//! | without lanes | up to 100 a call | they were read |
//! | with lanes | alone: the main item and up to 99 lanes a call | every call saw the same version of the main item |
//!
//! Lanes are only credited, or emptied into the main item. So if the main item's version was the same in every call, then at
//! the moment of the first call no lane held more than what was read of it, and what the sum doesn't cover was not covered
//! at that moment.
//!
//! A call that meets a transaction in flight reads nothing. It is made again in halves, so that one busy item can't keep the
//! others from being read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use futures_util::stream::{self, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::prefetch::{READS_IN_FLIGHT_MAX, done};
use super::{Backoff, Work};
use crate::domain::plan::TRANSACTION_ITEMS_MAX;
use crate::domain::{AccountId, AccountIx, CreditLanes, LaneId};
use crate::store::{AccountRead, Ledger, StoreError, Together};

/// The most lanes that a call reads beside their main item.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "a constant of 99")]
const LANES_MAX: u16 = TRANSACTION_ITEMS_MAX as u16 - 1;

/// What one call reads.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ask {
    /// Accounts without lanes.
    Mains(Vec<AccountIx>),
    /// An account's main item and some of its lanes.
    Lanes(AccountIx, Range<u16>),
}

impl Ask {
    /// In halves, if it can be.
    fn halves(self) -> Vec<Self> {
        match self {
            Self::Mains(mut accounts) if accounts.len() > 1 => {
                let rest = accounts.split_off(accounts.len() / 2);
                vec![Self::Mains(accounts), Self::Mains(rest)]
            }
            Self::Lanes(account, lanes) if lanes.len() > 1 => {
                let middle = lanes.start.midpoint(lanes.end);
                vec![Self::Lanes(account, lanes.start..middle), Self::Lanes(account, middle..lanes.end)]
            }
            whole @ (Self::Mains(_) | Self::Lanes(..)) => vec![whole],
        }
    }

    async fn send<L: Ledger>(&self, ledger: &L, ids: &[AccountId], until: Instant) -> Result<Together, StoreError> {
        let (accounts, lanes) = match self {
            Self::Mains(accounts) => (accounts.iter().map(|&account| &ids[account]).collect(), vec![]),
            Self::Lanes(account, lanes) => {
                let id = |lane| LaneId { account: ids[*account].clone(), lane };
                (vec![&ids[*account]], lanes.clone().map(id).collect())
            }
        };
        let lanes: Vec<&LaneId> = lanes.iter().collect();
        let late = |_| Err(StoreError::Unavailable("confirming accounts: time is up".into()));
        timeout_at(until, ledger.read_together(&accounts, &lanes)).await.unwrap_or_else(late)
    }
}

/// Confirms accounts, until all are read or it is `until`. One that changed meanwhile stays unconfirmed.
pub(super) async fn confirm<L: Ledger>(
    ledger: &L,
    work: &mut Work<'_>,
    accounts: &BTreeSet<AccountIx>,
    until: Instant,
    backoff: &mut Backoff,
) {
    let lanes = accounts.iter().map(|&account| (account, work.lanes_of(account)));
    let mut left = asks(&lanes.collect());
    // Lanes that the main item counts by now and didn't then aren't read here, and then not known.
    accounts.iter().for_each(|&account| work.forget_lanes(account));
    let mut versions: BTreeMap<AccountIx, BTreeSet<u64>> = BTreeMap::new();
    loop {
        let ids = work.batch.accounts();
        let calls = left.drain(..).map(|ask| async move { (ask.send(ledger, ids, until).await, ask) });
        let answers: Vec<_> = stream::iter(calls).buffer_unordered(READS_IN_FLIGHT_MAX).collect().await;
        for (answer, ask) in answers {
            match answer {
                Ok(read) => learn(work, &mut versions, ask, read),
                Err(fault) => {
                    left.extend(if fault == StoreError::Conflict { ask.halves() } else { vec![ask] });
                    work.fault = Some(fault);
                }
            }
        }
        if done(left.is_empty(), until, backoff).await {
            break;
        }
    }
    if left.is_empty() {
        let once = versions.into_iter().filter(|(_, versions)| versions.len() == 1);
        once.for_each(|(account, _)| work.confirm(account));
    }
}

/// The calls that read all of these accounts, of so many lanes each.
fn asks(accounts: &BTreeMap<AccountIx, CreditLanes>) -> Vec<Ask> {
    let (plain, with_lanes): (Vec<_>, Vec<_>) = accounts.iter().partition(|(_, lanes)| lanes.is_none());
    let plain: Vec<AccountIx> = plain.into_iter().map(|(&account, _)| account).collect();
    let mut asks: Vec<Ask> = plain.chunks(TRANSACTION_ITEMS_MAX).map(|chunk| Ask::Mains(chunk.to_vec())).collect();
    for (&account, lanes) in with_lanes {
        let starts = lanes.numbers().step_by(LANES_MAX.into());
        let end = |start: u16| start.saturating_add(LANES_MAX).min(lanes.count());
        asks.extend(starts.map(|start| Ask::Lanes(account, start..end(start))));
    }
    asks
}

fn learn(work: &mut Work<'_>, versions: &mut BTreeMap<AccountIx, BTreeSet<u64>>, ask: Ask, read: Together) {
    let (accounts, lanes) = match ask {
        Ask::Mains(accounts) => (accounts, None),
        Ask::Lanes(account, lanes) => (vec![account], Some((account, lanes))),
    };
    for (account, read) in accounts.into_iter().zip(read.accounts) {
        if let AccountRead::Found(main) = &read {
            versions.entry(account).or_default().insert(main.version);
        }
        work.learn_account(account, read);
    }
    let Some((account, lanes)) = lanes else { return };
    for (lane, read) in lanes.zip(read.lanes) {
        work.found_lane(account, lane, read);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_asked_for_once_and_halves_end() {
        let lanes = |count| CreditLanes::try_new(count).unwrap();
        let mut accounts: BTreeMap<AccountIx, CreditLanes> = (0..201).map(|ix| (ix, CreditLanes::NONE)).collect();
        accounts.extend([(300, lanes(1)), (301, lanes(99)), (302, lanes(100)), (303, lanes(1_024))]);
        let mut asks = asks(&accounts);
        let items = |ask: &Ask| match ask {
            Ask::Mains(accounts) => accounts.len(),
            Ask::Lanes(_, lanes) => 1 + lanes.len(),
        };
        assert_eq!(asks[..3].iter().map(items).collect::<Vec<_>>(), [100, 100, 1]);
        assert_eq!(asks[3..7].iter().map(items).collect::<Vec<_>>(), [2, 100, 100, 2]);
        assert_eq!(asks[7..].iter().map(items).collect::<Vec<_>>(), [[100; 10].as_slice(), &[35]].concat());

        while asks.iter().any(|ask| ask.clone().halves().len() > 1) {
            asks = asks.into_iter().flat_map(Ask::halves).collect();
        }
        let mut alone: Vec<(AccountIx, Option<u16>)> = Vec::new();
        for ask in asks {
            match ask {
                Ask::Mains(accounts) => alone.extend(accounts.iter().map(|&account| (account, None))),
                Ask::Lanes(account, lanes) => alone.extend(lanes.map(|lane| (account, Some(lane)))),
            }
        }
        let (asked, all) = (alone.len(), 201 + 1 + 99 + 100 + 1_024);
        assert_eq!((asked, alone.into_iter().collect::<BTreeSet<_>>().len()), (all, all));
    }
}
