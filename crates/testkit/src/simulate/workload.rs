//! What: Makes what clients ask for.
//!
//! Data: Takes the tape. Gives the first accounts, and records with what each of them asks. This is kept beside the
//! bytes, so that the auditor never reads them with the code under test.

use std::collections::BTreeMap;

use super::auditor::books::{Books, Standing};
use super::legs::{self, Leg};
use super::limits::Limits;
use super::record::{REQUESTED_BY, Record, TRACEPARENT};
use super::tape::Tape;

/// The account through which money entered before the world began, and enters. It pays from its lanes.
const SETTLEMENT: &str = "settlement";
/// The busy accounts. They are few, so that their payments conflict.
pub(super) const BUSY: [&str; 5] = ["hot", "ann", "bob", "cid", "dan"];
/// The accounts that begin with lanes, and how many each has for each partition. None of the lanes is there yet. The
/// other busy accounts are as the oldest versions opened them: without lanes.
const WITH_LANES: [(&str, u16); 5] = [("hot", 2), ("ann", 2), ("bob", 1), (FRESH.1, 2), (SETTLEMENT, 1)];
/// The pair that nobody else pays or changes, for the payment after the storm.
pub(super) const FRESH: (&str, &str) = ("fresh-debtor", "fresh-creditor");
/// What the fresh debtor has, which is also what the fresh payment moves.
pub(super) const FRESH_AMOUNT: u64 = 7;

/// What a request says. A refund names no creditor and no currency, and no amount (0) if it asks for all that is left.
/// A payment with legs names none of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) id: String,
    pub(super) debtor: String,
    pub(super) creditor: String,
    pub(super) amount: u64,
    pub(super) currency: &'static str,
    pub(super) reference: Option<String>,
    /// The original, if it is a refund.
    pub(super) refunds: Option<String>,
    /// The leg of the original, if the refund names one.
    pub(super) leg: Option<usize>,
    /// The legs of a payment with legs.
    pub(super) legs: Vec<Leg>,
}

impl Asked {
    /// What a payment moves, leg by leg. A refund says nothing of it.
    pub(super) fn moves(&self) -> Vec<Leg> {
        if self.refunds.is_some() || !self.legs.is_empty() {
            return self.legs.clone();
        }
        let Self { debtor, creditor, amount, currency, .. } = self.clone();
        vec![Leg { debtor, creditor, amount, currency }]
    }

    fn json(&self) -> String {
        if let Some(original) = &self.refunds {
            let amount = if self.amount == 0 { String::new() } else { format!(r#","amount":{}"#, self.amount) };
            let reference = self.reference.as_ref().map(|text| format!(r#","reference":"{text}""#)).unwrap_or_default();
            let leg = self.leg.map(|leg| format!(r#","leg":{leg}"#)).unwrap_or_default();
            let rest = format!(r#"{leg}{amount}{reference}"#);
            return format!(
                r#"{{"refund_id":"{}","original_payment_id":"{original}","debtor_account":"{}"{rest}}}"#,
                self.id, self.debtor
            );
        }
        if !self.legs.is_empty() {
            let legs = legs::json(&self.legs, &self.debtor);
            let reference = self.reference.as_ref().map(|text| format!(r#","reference":"{text}""#)).unwrap_or_default();
            return format!(
                r#"{{"payment_id":"{}","debtor_account":"{}","legs":[{legs}]{reference}}}"#,
                self.id, self.debtor
            );
        }
        let mut json = format!(
            r#"{{"payment_id":"{}","debtor_account":"{}","creditor_account":"{}","amount":{},"currency":"{}""#,
            self.id, self.debtor, self.creditor, self.amount, self.currency
        );
        if let Some(reference) = &self.reference {
            json.push_str(&format!(r#","reference":"{reference}""#));
        }
        json.push('}');
        json
    }
}

/// Clients, with what they have asked for so far.
#[derive(Debug, Default)]
pub(super) struct Clients {
    asked: Vec<Asked>,
    payments: u32,
    /// A quarter of what they ask for are refunds.
    refund: bool,
    /// A quarter of what they ask for are payments with legs, and some are refunds of legs.
    legs: bool,
}

impl Clients {
    /// Clients of a world that begins with these accounts. They refund where dan begins with most, and ask for legs
    /// where he begins with nothing. Each is a quarter of all worlds, so there are many of every kind.
    pub(super) fn new(opening: &BTreeMap<String, Books>) -> Self {
        let begins_with = |balance| opening.get("dan").is_some_and(|books| books.balance == balance);
        Self { refund: begins_with(300), legs: begins_with(0), ..Self::default() }
    }

    /// The next record, what it asks, if its bytes are a payment, and the partition that it goes to.
    pub(super) fn produce(&mut self, tape: &mut Tape, partitions: usize) -> (usize, Record, Option<Asked>) {
        let (record, asks) = match tape.below(100) {
            0..24 if self.refund => self.new_refund(tape),
            0..26 if self.legs => asking(self.new_legs(tape)),
            26..34 if self.legs => self.new_refund(tape),
            0..78 => asking(self.new_payment(tape)),
            78..88 => self.again(tape),
            88..94 => self.id_reused(tape),
            _ => not_a_payment(tape),
        };
        let partition = match &asks {
            // As Kafka does it: a debtor has one partition. Some clients get the key wrong.
            Some(asked) if !tape.chance(200) => bucket(&asked.debtor, partitions),
            Some(_) | None => tape.index(partitions),
        };
        // The API tells who asked for some of them.
        let by = asks.as_ref().filter(|asked| asked.amount.is_multiple_of(3)).map(|asked| asked.debtor.clone());
        let record = match by {
            Some(by) => record.with_header(REQUESTED_BY, by.as_bytes()),
            None => record,
        };
        // Some clients trace what they ask for.
        let record = match asks.as_ref().filter(|asked| asked.amount.is_multiple_of(5)) {
            Some(asked) => {
                let span = self.asked.len().saturating_add(1);
                let trace = format!("00-{:032x}-{span:016x}-01", asked.amount.saturating_add(1));
                record.with_header(TRACEPARENT, trace.as_bytes())
            }
            None => record,
        };
        let record = if tape.chance(100) { record.with_header("trace", &[1, 255, 0]) } else { record };
        (partition, record, asks)
    }

    /// The debtor of the last payment asked for, if it is a busy one.
    pub(super) fn paying(&self) -> Option<&'static str> {
        let debtor = &self.asked.last()?.debtor;
        BUSY.into_iter().find(|id| id == debtor)
    }

    /// The payment after the storm.
    pub(super) fn fresh() -> (Record, Option<Asked>) {
        asking(Asked {
            id: "fresh".into(),
            debtor: FRESH.0.into(),
            creditor: FRESH.1.into(),
            amount: FRESH_AMOUNT,
            currency: "EUR",
            reference: None,
            refunds: None,
            leg: None,
            legs: Vec::new(),
        })
    }

    fn new_payment(&mut self, tape: &mut Tape) -> Asked {
        self.payments = self.payments.saturating_add(1);
        let at = tape.index(BUSY.len());
        let other = |step: usize| BUSY[at.saturating_add(step).checked_rem(BUSY.len()).unwrap_or(0)];
        let (debtor, creditor) = match tape.below(20) {
            // Round and round.
            0..6 => (BUSY[at], other(1)),
            6..9 => (other(1), BUSY[at]),
            9..11 => (other(1), "hot"),
            11..14 => ("hot", other(1)),
            14 => (SETTLEMENT, BUSY[at]),
            15..17 => (BUSY[at], "late"),
            17 => (BUSY[at], tape.pick(["rich", "nobody", "dollars"])),
            18 => (tape.pick(["rich", "nobody", "dollars"]), BUSY[at]),
            _ => (BUSY[at], BUSY[at]),
        };
        let amount = match tape.below(20) {
            0..9 => u64::from(tape.between(1, 120)),
            // Round amounts, so that accounts are sometimes empty.
            9..18 => u64::from(tape.pick([50_u32, 10, 100])),
            18 => u64::from(tape.between(1, 5)),
            _ => giro::domain::money::AMOUNT_MAX,
        };
        let asked = Asked {
            id: format!("k{}", self.payments),
            debtor: debtor.into(),
            creditor: creditor.into(),
            amount,
            currency: if tape.chance(20) { "USD" } else { "EUR" },
            reference: tape.chance(50).then(|| "invoice 17".to_owned()),
            refunds: None,
            leg: None,
            legs: Vec::new(),
        };
        self.asked.push(asked.clone());
        asked
    }

    fn new_legs(&mut self, tape: &mut Tape) -> Asked {
        self.payments = self.payments.saturating_add(1);
        let at = tape.index(BUSY.len());
        let other = |step: usize| BUSY[at.saturating_add(step).checked_rem(BUSY.len()).unwrap_or(0)];
        let (debtor, others) = match tape.below(3) {
            // The hot account is paid, and pays the fees.
            0 => (other(1), ["hot", other(2), other(3)]),
            _ => (BUSY[at], [other(1), other(2), other(3)]),
        };
        let asked = Asked {
            id: format!("k{}", self.payments),
            debtor: debtor.into(),
            creditor: String::new(),
            amount: 0,
            currency: "",
            reference: tape.chance(50).then(|| "order".to_owned()),
            refunds: None,
            leg: None,
            legs: legs::legs(tape, debtor, others, SETTLEMENT),
        };
        self.asked.push(asked.clone());
        asked
    }

    /// A refund of one of the last requests, or of one that is still to come. Often several are of the same.
    fn new_refund(&mut self, tape: &mut Tape) -> (Record, Option<Asked>) {
        let Some(last) = self.asked.len().checked_sub(1) else { return not_a_payment(tape) };
        let back = tape.index(self.asked.len().min(12));
        let mut original = self.asked[last.saturating_sub(back)].clone();
        self.payments = self.payments.saturating_add(1);
        let mut leg = None;
        if !original.legs.is_empty() {
            let place = tape.index(original.legs.len());
            leg = (!tape.chance(100)).then(|| place.saturating_add(1));
            let Leg { debtor, creditor, amount, .. } = original.legs[place].clone();
            (original.debtor, original.creditor, original.amount) = (debtor, creditor, amount);
        }
        let parties = [&original.creditor, &original.debtor].map(|party| party.as_str());
        let debtor = if tape.chance(50) { parties[1] } else { parties[0] };
        let asked = Asked {
            id: format!("k{}", self.payments),
            debtor: if debtor.is_empty() { original.debtor.clone() } else { debtor.into() },
            creditor: String::new(),
            amount: match tape.below(10) {
                0..4 => 0,
                4..6 => original.amount,
                6..9 => (original.amount / 2).max(1),
                _ => original.amount.saturating_add(1).clamp(1, giro::domain::money::AMOUNT_MAX),
            },
            currency: "",
            reference: tape.chance(50).then(|| "returned".to_owned()),
            refunds: Some(match tape.below(20) {
                0 => format!("k{}", self.payments.saturating_add(1)),
                _ => original.id,
            }),
            leg,
            legs: Vec::new(),
        };
        self.asked.push(asked.clone());
        asking(asked)
    }

    /// A client that asks again, because it got no answer.
    fn again(&self, tape: &mut Tape) -> (Record, Option<Asked>) {
        match self.asked.len() {
            0 => not_a_payment(tape),
            length => asking(self.asked[length.saturating_sub(1).saturating_sub(tape.index(length))].clone()),
        }
    }

    /// A client that uses an id twice, for two payments.
    fn id_reused(&self, tape: &mut Tape) -> (Record, Option<Asked>) {
        let Some(last) = self.asked.len().checked_sub(1) else { return not_a_payment(tape) };
        let mut asked = self.asked[last.saturating_sub(tape.index(self.asked.len()))].clone();
        match tape.below(4) {
            _ if !asked.legs.is_empty() => asked.reference = Some("another".into()),
            0 => asked.amount = asked.amount.saturating_sub(1).max(1),
            _ if asked.refunds.is_some() => asked.reference = Some("another".into()),
            1 => std::mem::swap(&mut asked.debtor, &mut asked.creditor),
            2 => asked.creditor = SETTLEMENT.into(),
            _ => asked.reference = Some("another".into()),
        }
        asking(asked)
    }
}

fn asking(asked: Asked) -> (Record, Option<Asked>) {
    let (key, value) = (asked.debtor.as_bytes().to_vec(), asked.json().into_bytes());
    (Record::new(Some(key), Some(value)), Some(asked))
}

fn not_a_payment(tape: &mut Tape) -> (Record, Option<Asked>) {
    let value: Option<&[u8]> = tape.pick([
        None,
        Some(b"not json"),
        Some(b""),
        Some(b"[]"),
        Some(b"\xff\xfe\x00"),
        Some(br#"{"payment_id":"k1","debtor_account":"ann","creditor_account":"bob","amount":1.5,"currency":"EUR"}"#),
        Some(br#"{"payment_id":"k1","payment_id":"k1","debtor_account":"ann","creditor_account":"bob","amount":1,"currency":"EUR"}"#),
        Some(br#"{"payment_id":"k 1","debtor_account":"ann","creditor_account":"bob","amount":1,"currency":"EUR"}"#),
    ]);
    (Record::new(None, value.map(<[u8]>::to_vec)), None)
}

/// Which partition a key goes to: any fixed function will do.
pub(super) fn bucket(key: &str, partitions: usize) -> usize {
    let sum = key.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(byte)));
    sum.checked_rem(partitions).unwrap_or(0)
}

/// The accounts that a world begins with, in which the topic of payments has so many partitions. Per currency their
/// balances sum to zero.
pub(super) fn opening(tape: &mut Tape, partitions: u16) -> BTreeMap<String, Books> {
    let mut accounts = BTreeMap::new();
    let mut open = |id: &str, currency, balance: i128, lowest| {
        let each = WITH_LANES.iter().find(|(known, _)| *known == id).map_or(0, |&(_, each)| each);
        let lanes = partitions.saturating_mul(each);
        accounts.insert(
            id.to_owned(),
            Books {
                currency,
                balance,
                lowest,
                standing: Standing::Open,
                lanes,
                limits: Limits::default(),
                owner: None,
            },
        );
    };
    let mut sum: i128 = 0;
    for id in BUSY {
        let balance = i128::from(tape.pick([100, 0, 10, 300]));
        let limit = i128::from(tape.pick([0, 50]));
        sum = sum.saturating_add(balance);
        open(id, "EUR", balance, Some(limit.saturating_neg()));
    }
    if tape.chance(300) {
        // So near the top that a credit may not fit.
        let balance = i128::from(i64::MAX).saturating_sub(60);
        sum = sum.saturating_add(balance);
        open("rich", "EUR", balance, Some(0));
    }
    let fresh = i128::from(FRESH_AMOUNT);
    open(FRESH.0, "EUR", fresh, Some(0));
    open(FRESH.1, "EUR", 0, Some(0));
    // Two, since one could not hold it all.
    let (first, second) = (sum.saturating_add(fresh) / 2, sum.saturating_add(fresh));
    open(SETTLEMENT, "EUR", first.saturating_neg(), None);
    open("settlement-2", "EUR", first.saturating_sub(second), None);
    open("dollars", "USD", 50, Some(0));
    open("settlement-usd", "USD", -50, None);
    accounts
}

/// Gives the busy accounts of a world limits to begin with: some that are soon used up, and some that hardly ever are.
pub(super) fn limit(opening: &mut BTreeMap<String, Books>) {
    let none = Limits::default();
    for (id, limits) in [
        ("hot", Limits { hour: Some((None, Some(2))), ..none }),
        ("ann", Limits { hour: Some((Some(120), None)), ..none }),
        ("bob", Limits { day: Some((Some(900), None)), ..none }),
        ("cid", Limits { max_payment: Some(100), max_balance: Some(400), day: Some((None, Some(3))), ..none }),
        ("dan", Limits { hour: Some((Some(150), None)), day: Some((Some(400), Some(9))), ..none }),
    ] {
        if let Some(books) = opening.get_mut(id) {
            books.limits = limits;
        }
    }
}
