//! What: Makes what administrators ask of accounts: commands, also sent twice, with ids used before, or broken.
//!
//! Data: Takes the tape. Gives records with what each of them orders. This is kept beside the bytes, so that the
//! auditor never reads them with the code under test.

use super::limits::Limits;
use super::record::Record;
use super::tape::Tape;
use super::workload::{BUSY, bucket};

/// What a command asks of its account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AccountChange {
    Open {
        currency: &'static str,
        /// None: no limit.
        limit: Option<u32>,
        lanes: u16,
        owner: Option<&'static str>,
    },
    Limit(Option<u32>),
    Freeze,
    Unfreeze,
    Close,
    Lanes(u16),
    Limits(Limits),
    /// None: no owner any more.
    Owner(Option<&'static str>),
}

/// What an account command says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    pub(super) id: String,
    pub(super) account: &'static str,
    pub(super) change: AccountChange,
}

impl Order {
    fn json(&self) -> String {
        let limit = |limit: Option<u32>| limit.map_or(r#""unlimited""#.to_owned(), |limit| limit.to_string());
        let owned = |owner: &str| format!(r#","owner":"{owner}""#);
        let (name, rest) = match self.change {
            AccountChange::Open { currency, limit: to, lanes, owner } => {
                let (limit, owner) = (limit(to), owner.map_or(String::new(), owned));
                let rest =
                    format!(r#","currency":"{currency}","overdraft_limit":{limit},"credit_lanes":{lanes}{owner}"#);
                ("open", rest)
            }
            AccountChange::Limit(to) => ("set_overdraft_limit", format!(r#","overdraft_limit":{}"#, limit(to))),
            AccountChange::Freeze => ("freeze", String::new()),
            AccountChange::Unfreeze => ("unfreeze", String::new()),
            AccountChange::Close => ("close", String::new()),
            AccountChange::Limits(limits) => ("set_limits", limits.json()),
            AccountChange::Owner(to) => ("set_owner", owned(to.unwrap_or("none"))),
            AccountChange::Lanes(lanes) => ("add_lanes", format!(r#","credit_lanes":{lanes}"#)),
        };
        format!(r#"{{"command_id":"{}","command":"{name}","account_id":"{}"{rest}}}"#, self.id, self.account)
    }
}

/// Administrators, with what they have ordered so far.
#[derive(Debug, Default)]
pub(super) struct Administrators {
    ordered: Vec<Order>,
    commands: u32,
    /// Some of what they order are limits.
    limit: bool,
}

impl Administrators {
    /// Administrators of a world. If `limit` is set, they set limits too.
    pub(super) fn new(limit: bool) -> Self {
        Self { limit, ..Self::default() }
    }

    /// The next record, what it orders, if anything, and the partition that it goes to. `paying` is an account that is
    /// about to pay.
    pub(super) fn produce(
        &mut self,
        tape: &mut Tape,
        partitions: usize,
        paying: Option<&'static str>,
    ) -> (usize, Record, Option<Order>) {
        let order = match tape.below(100) {
            0..80 => Some(self.new_order(tape, paying)),
            80..88 => self.before(tape),
            88..94 => self.before(tape).map(|order| Order { change: self.change(tape), ..order }),
            _ => None,
        };
        let partition = match &order {
            // Keyed by account, but some get the key wrong.
            Some(order) if !tape.chance(200) => bucket(order.account, partitions),
            Some(_) | None => tape.index(partitions),
        };
        let (key, value) = match &order {
            Some(order) => (Some(order.account.as_bytes().to_vec()), Some(order.json().into_bytes())),
            None => (None, no_command(tape)),
        };
        (partition, Record::new(key, value), order)
    }

    fn new_order(&mut self, tape: &mut Tape, paying: Option<&'static str>) -> Order {
        self.commands = self.commands.saturating_add(1);
        // Most often the account that is about to pay, so that it is changed meanwhile.
        let any = BUSY[tape.index(BUSY.len())];
        let busy = paying.filter(|_| tape.below(3) > 0).unwrap_or(any);
        let (account, change) = match tape.below(20) {
            0..14 => (busy, self.change(tape)),
            14..16 => (
                "late",
                AccountChange::Open { currency: "EUR", limit: Some(0), lanes: tape.pick([0, 2]), owner: Some("ann") },
            ),
            16..18 => ("late", AccountChange::Close),
            18 => (
                tape.pick(["late", "nobody"]),
                tape.pick([AccountChange::Freeze, AccountChange::Unfreeze, AccountChange::Close]),
            ),
            _ => (
                busy,
                AccountChange::Open { currency: tape.pick(["EUR", "USD"]), limit: Some(0), lanes: 0, owner: None },
            ),
        };
        let order = Order { id: format!("c{}", self.commands), account, change };
        self.ordered.push(order.clone());
        order
    }

    /// A command that was sent before, because its sender got no answer.
    fn before(&self, tape: &mut Tape) -> Option<Order> {
        let last = self.ordered.len().checked_sub(1)?;
        Some(self.ordered[last.saturating_sub(tape.index(self.ordered.len()))].clone())
    }

    fn change(&self, tape: &mut Tape) -> AccountChange {
        if !self.limit {
            return change(tape);
        }
        match tape.below(16) {
            0..4 => AccountChange::Limits(limits(tape)),
            4..6 => AccountChange::Close,
            _ => change(tape),
        }
    }
}

fn limits(tape: &mut Tape) -> Limits {
    let window = |tape: &mut Tape| {
        let most = (tape.pick([Some(200), None, Some(100), Some(400)]), tape.pick([Some(3), Some(6), Some(2)]));
        tape.chance(500).then_some(most)
    };
    Limits {
        max_payment: tape.pick([None, Some(100), Some(50)]),
        max_balance: tape.pick([None, None, Some(500), Some(250)]),
        hour: window(tape),
        day: window(tape),
    }
}

fn change(tape: &mut Tape) -> AccountChange {
    match tape.below(20) {
        0..3 => AccountChange::Freeze,
        3..7 => AccountChange::Unfreeze,
        7..10 => AccountChange::Close,
        18 => AccountChange::Owner(tape.pick([Some("ann"), None, Some("bob")])),
        10..18 => AccountChange::Limit(tape.pick([Some(0), None, Some(0), Some(100), Some(50), Some(20)])),
        _ => AccountChange::Lanes(tape.pick([1, 2, 4])),
    }
}

fn no_command(tape: &mut Tape) -> Option<Vec<u8>> {
    let value: Option<&[u8]> = tape.pick([
        None,
        Some(b"not json"),
        Some(br#"{"command_id":"c1","command":"delete","account_id":"ann"}"#),
        Some(br#"{"command_id":"c1","command":"freeze","account_id":"a b"}"#),
        Some(br#"{"command_id":"c1","command":"set_overdraft_limit","account_id":"ann","overdraft_limit":1.5}"#),
        Some(br#"{"command_id":"c1","command_id":"c1","command":"freeze","account_id":"ann"}"#),
    ]);
    value.map(<[u8]>::to_vec)
}
