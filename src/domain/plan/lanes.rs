//! What: Shares out the lanes that a batch owns. Each group that changes an account on a lane takes the next of them.
//! So as many groups run side by side as there are lanes.
//!
//! Nobody sweeps the lanes of an account that pays from them. So all of them are used in every slice of time, and a
//! group uses one lane of the account for debits and credits alike.

use std::collections::HashMap;

use crate::domain::decide::Snapshot;
use crate::domain::slice::{Parity, Slice};
use crate::domain::{AccountIx, Batch};

/// A lane of an account.
pub(super) type LaneIx = (AccountIx, u16);

/// The two lanes of which a group changes one, by the slice of time. They are one lane if the partition owns no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LanePair {
    pub(super) account: AccountIx,
    even: u16,
    odd: u16,
}

impl LanePair {
    /// The lane in this slice.
    pub(super) fn of(self, slice: Slice) -> u16 {
        match slice.parity() {
            Parity::Even => self.even,
            Parity::Odd => self.odd,
        }
    }

    /// Both lanes.
    pub(super) fn both(self) -> impl Iterator<Item = LaneIx> + use<> {
        [(self.account, self.even), (self.account, self.odd)].into_iter()
    }

    /// The same without a lane that the group sweeps, if that leaves one. So the sweep and the credits stay apart.
    fn without(self, swept: impl Fn(u16) -> bool) -> Self {
        match self {
            Self { account, even, odd } if swept(even) => Self { account, even: odd, odd },
            Self { account, even, odd } if swept(odd) => Self { account, even, odd: even },
            both => both,
        }
    }
}

/// The lanes of accounts, and which come next.
pub(super) struct Turns<'b, 's> {
    batch: &'b Batch,
    snapshot: Snapshot<'s>,
    accounts: HashMap<AccountIx, Turn>,
}

/// The lanes that may be used in even slices, and those in odd ones. Each has at least one.
struct Turn {
    even: Vec<u16>,
    odd: Vec<u16>,
    next: usize,
}

impl Turn {
    fn current(&self, account: AccountIx) -> LanePair {
        let nth = |lanes: &[u16]| {
            let place = self.next.checked_rem(lanes.len()).unwrap_or_default();
            lanes.get(place).copied().unwrap_or_default()
        };
        LanePair { account, even: nth(&self.even), odd: nth(&self.odd) }
    }
}

impl<'b, 's> Turns<'b, 's> {
    pub(super) fn new(batch: &'b Batch, snapshot: Snapshot<'s>) -> Self {
        Self { batch, snapshot, accounts: HashMap::new() }
    }

    /// The lane for the next group that changes an account on a lane. `swept` are the lanes that the group sweeps.
    pub(super) fn next(&mut self, account: AccountIx, swept: impl Iterator<Item = LaneIx> + Clone) -> LanePair {
        let turn = self.turn(account);
        let lane = turn.current(account);
        turn.next = turn.next.wrapping_add(1);
        lane.without(|lane| swept.clone().any(|swept| swept == (account, lane)))
    }

    /// The lane whose statement lists a payment that changes the account on no lane. `None` if it has no lanes.
    pub(super) fn statement(&mut self, account: AccountIx) -> Option<u16> {
        self.snapshot.accounts[account].as_ref().filter(|account| !account.payment_lanes().is_none())?;
        let slice = self.slice();
        Some(self.turn(account).current(account).of(slice))
    }

    /// The slice of time for which it is planned.
    pub(super) fn slice(&self) -> Slice {
        self.snapshot.slice()
    }

    /// Lanes that are known to be full are left out: `decide` has found one that isn't.
    fn turn(&mut self, account: AccountIx) -> &mut Turn {
        let (batch, snapshot) = (self.batch, self.snapshot);
        self.accounts.entry(account).or_insert_with(|| {
            let paying = snapshot.paying_lanes(batch, account);
            if !paying.is_empty() {
                return Turn { even: paying.clone(), odd: paying, next: 0 };
            }
            let count = snapshot.accounts[account].as_ref().map(|account| account.payment_lanes()).unwrap_or_default();
            let known = snapshot.lanes.get(&account);
            let owned = batch.owned_lanes(count);
            let those = |lanes: &[u16], are: &dyn Fn(u16) -> bool| {
                let those: Vec<u16> = lanes.iter().copied().filter(|&lane| are(lane)).collect();
                if those.is_empty() { lanes.to_vec() } else { those }
            };
            let with_room = those(&owned, &|lane| known.is_none_or(|known| known.takes_credit(lane)));
            let of =
                |parity| those(&with_room, &|lane| batch.parity(lane, count).is_none_or(|of_lane| of_lane == parity));
            Turn { even: of(Parity::Even), odd: of(Parity::Odd), next: 0 }
        })
    }
}
