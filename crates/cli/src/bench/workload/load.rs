//! What: Says what a workload is: who pays whom, and what the accounts start with.
//!
//! Data: Takes a kind and what differs from the usual. Gives a name for people.

use giro::domain::CreditLanes;

use super::exponent::Exponent;

/// How many accounts pay each other, if it isn't said.
pub const ACCOUNTS: usize = 10_000;
/// How many of the busiest accounts get lanes in a skewed workload with lanes.
pub const HOTTEST: usize = 10;
/// What each account starts with, if it isn't said, in minor units.
pub const BALANCE: i64 = 1_000_000_000_000;
/// The topic of the requests.
pub const TOPIC: &str = "payment-requests";

/// Who pays whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Anyone pays anyone.
    Uniform,
    /// Both sides skewed.
    Zipf,
    /// Anyone pays one account.
    Merchant,
    /// One account a partition pays anyone.
    Payer,
    /// One account without a limit a partition pays anyone.
    Settlement,
}

/// A workload: who pays whom, and the accounts that it starts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Who pays whom.
    pub kind: Kind,
    /// How skewed it is. Only [`Kind::Zipf`] is.
    pub exponent: Exponent,
    /// How many accounts pay each other.
    pub accounts: usize,
    /// What each of them starts with, in minor units.
    pub balance: i64,
    /// How many of a hundred payments ask for more than anybody has.
    pub declines_percent: u32,
    /// How many of a hundred records repeat an earlier one.
    pub duplicates_percent: u32,
    /// The lanes of the merchant or the settlement accounts, and of each of the busiest.
    pub lanes: CreditLanes,
    /// How many of the busiest accounts have lanes.
    pub busiest: usize,
}

impl Workload {
    /// What people are shown: each kind, duplicates and declines.
    pub const SHOWN: [Self; 6] = [
        Self::new(Kind::Uniform),
        Self::new(Kind::Zipf),
        Self::new(Kind::Merchant),
        Self::new(Kind::Payer),
        Self::new(Kind::Uniform).repeating(20),
        Self::new(Kind::Uniform).declining(5),
    ];

    /// The usual one of a kind, without lanes.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self::with_lanes(kind, CreditLanes::NONE)
    }

    /// With so many lanes of the merchant, or of each of the [`HOTTEST`].
    #[must_use]
    pub const fn with_lanes(kind: Kind, lanes: CreditLanes) -> Self {
        Self {
            kind,
            exponent: Exponent::USUAL,
            accounts: ACCOUNTS,
            balance: BALANCE,
            declines_percent: 0,
            duplicates_percent: 0,
            lanes,
            busiest: if matches!(kind, Kind::Zipf) { HOTTEST } else { 0 },
        }
    }

    /// The same among so many accounts.
    #[must_use]
    pub const fn among(self, accounts: usize) -> Self {
        Self { accounts, ..self }
    }

    /// The same, so skewed.
    #[must_use]
    pub const fn skewed(self, exponent: Exponent) -> Self {
        Self { exponent, ..self }
    }

    /// The same, and each account starts with so much. What is received must then be spent: money goes round.
    #[must_use]
    pub const fn starting_with(self, balance: i64) -> Self {
        Self { balance, ..self }
    }

    /// The same, and so many of a hundred payments are declined.
    #[must_use]
    pub const fn declining(self, declines_percent: u32) -> Self {
        Self { declines_percent, ..self }
    }

    /// The same, and so many of a hundred records repeat an earlier one.
    #[must_use]
    pub const fn repeating(self, duplicates_percent: u32) -> Self {
        Self { duplicates_percent, ..self }
    }

    /// The same, and every account has so many lanes.
    #[must_use]
    pub const fn with_lanes_everywhere(self, lanes: CreditLanes) -> Self {
        Self { lanes, busiest: usize::MAX, ..self }
    }

    /// The name as shown.
    #[must_use]
    pub fn name(self) -> String {
        let mut parts = Vec::new();
        let is_plain = self.declines_percent == 0 && self.duplicates_percent == 0 && self.balance == BALANCE;
        match self.kind {
            Kind::Uniform => parts.extend(is_plain.then(|| "uniform".to_owned())),
            Kind::Zipf => parts.push(format!("zipf {}", self.exponent)),
            Kind::Merchant => parts.push("one merchant".to_owned()),
            Kind::Payer => parts.push("one payer".to_owned()),
            Kind::Settlement => parts.push("settlement".to_owned()),
        }
        if self.balance != BALANCE {
            parts.push(format!("{} each", self.balance));
        }
        for (percent, of) in [(self.duplicates_percent, "duplicates"), (self.declines_percent, "declines")] {
            if percent > 0 {
                parts.push(format!("{percent} % {of}"));
            }
        }
        if !self.lanes.is_none() {
            parts.push(format!("{} lanes", self.lanes));
        }
        parts.join(", ")
    }
}
