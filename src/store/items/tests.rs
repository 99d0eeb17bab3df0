//! What: Tests that each item reads back as it was written, and that an error names the attribute.

use super::*;
use crate::domain::account::given;
use crate::domain::account_command::{AccountChange, Action, DecidedCommand, RecordedCommand, Terms};
use crate::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use crate::domain::money::AMOUNT_MAX;
use crate::domain::plan::Entry;
use crate::domain::{
    Account, AccountCommand, AccountStatus, Amount, Balance, CommandRequest, CreditLanes, Currency, DeadLetter,
    Decline, Header, Lane, LaneId, Limits, OverdraftLimit, Payment, Principal, Recorded, Refusal, Request, Source,
    Timestamp, Trace, Transfer,
};

fn eur() -> Currency {
    Currency::try_new("EUR").unwrap()
}

fn lanes(count: u16) -> CreditLanes {
    CreditLanes::try_new(count).unwrap()
}

fn account() -> Account {
    Account {
        balance: Balance::new(-3),
        overdraft_limit: OverdraftLimit::Limited(AMOUNT_MAX),
        version: 7,
        ..given::account("alice")
    }
}

/// Reads an item after one attribute was changed or removed.
fn with<T>(
    item: &Item,
    name: &str,
    value: Option<AttributeValue>,
    decode: fn(&Item) -> Result<T, String>,
) -> Result<T, String> {
    let mut item = item.clone();
    match value {
        Some(value) => item.insert(name.to_owned(), value),
        None => item.remove(name),
    };
    decode(&item)
}

#[test]
fn an_account_reads_back() {
    for account in [
        account(),
        Account { overdraft_limit: OverdraftLimit::Unlimited, status: AccountStatus::Closed, ..account() },
        Account { overdraft_limit: OverdraftLimit::Limited(0), credit_lanes: lanes(1_024), ..account() },
        Account { credit_lanes: lanes(1), lane_debits: true, ..account() },
        Account { paused_until: Some(Timestamp::EPOCH), ..account() },
    ] {
        let item = account::encode(&account);
        assert_eq!(account::decode(&item), Ok(account.clone()));
        assert_eq!(item.contains_key("lane_debits"), account.lane_debits);
        assert_eq!(item.contains_key("credit_lanes"), !account.credit_lanes.is_none(), "an account without has none");
    }
    for (name, value, expected) in [
        (
            "account_id",
            s("a b"),
            "account_id: expected 1 to 64 characters of A-Z a-z 0-9 . _ : -, and neither . nor ..",
        ),
        ("overdraft_limit", n(AMOUNT_MAX.saturating_add(1)), "overdraft_limit: expected at most 9007199254740991"),
        ("overdraft_limit", n(-1), "overdraft_limit: expected a whole number (N) in range"),
        ("credit_lanes", n(0), "credit_lanes: expected at least 1, or none"),
        ("credit_lanes", n(1_025), "credit_lanes: expected at most 1024 credit lanes"),
        ("lane_debits", n(1), "lane_debits: expected a flag (BOOL)"),
        ("status", s("gone"), "status: expected open, frozen or closed"),
        ("status", n(1), "status: expected a string (S)"),
        ("balance", n("1.5"), "balance: expected a whole number (N) in range"),
        ("version", s("7"), "version: expected a whole number (N) in range"),
    ] {
        let read = with(&account::encode(&account()), name, Some(value), account::decode);
        assert_eq!(read, Err(expected.into()), "{name}");
    }
    let none = with(&account::encode(&account()), "version", None, account::decode);
    assert_eq!(none, Err("version: expected a number (N), got none".into()));
}

#[test]
fn a_lane_reads_back_and_is_told_from_an_account() {
    let lane = Lane { balance: Balance::new(5), version: 9, ..Lane::new(&account(), 3) };
    let limited = Lane { is_limited: true, ..lane.clone() };
    assert_eq!(lane::decode(&lane::encode(&limited)), Ok(limited));
    let item = lane::encode(&lane);
    assert_eq!(lane::decode(&item), Ok(lane));
    let read = with(&item, "overdraft_limit", Some(n(7)), lane::decode);
    assert_eq!(read, Err("overdraft_limit: expected 0, or none".into()));
    assert_eq!((lane::is_lane(&item), lane::is_lane(&account::encode(&account()))), (true, false));
    let read = with(&item, "status", Some(s("gone")), lane::decode);
    assert_eq!(read, Err("status: expected open, frozen or closed".into()));
}

fn source() -> Source {
    Source { topic: "t".into(), partition: 1, offset: 2 }
}

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn payment() -> Payment {
    Payment {
        id: "p".parse().unwrap(),
        debtor: "alice".parse().unwrap(),
        creditor: "bob".parse().unwrap(),
        amount: Amount::try_new(5).unwrap(),
        currency: eur(),
        reference: None,
        requested_at: None,
    }
}

#[test]
fn a_payment_reads_back() {
    let payment = payment();
    let whole = Payment { reference: Some("ü".into()), requested_at: Some(Timestamp::EPOCH), ..payment.clone() };
    let request = |payment: &Payment| Request::new(payment.clone().into(), source());
    for (payment, decision) in [(&payment, Ok(())), (&whole, Err(Decline::InsufficientFunds))] {
        let request = request(payment).by(Principal::try_new("ann").ok().filter(|_| payment.reference.is_some()));
        let trace = Trace::parse(TRACEPARENT).filter(|_| payment.reference.is_some());
        let request = request.traced(trace);
        let item = payment::encode(&Entry::new(&request, decision, Timestamp::EPOCH));
        let Recorded { outcome, fingerprint } = payment::decode(&item).unwrap();
        assert_eq!((&outcome.instruction, fingerprint), (&payment.clone().into(), payment.fingerprint()));
        assert_eq!((&outcome.requested_by, outcome.trace), (&request.requested_by, trace));
        assert_eq!((outcome.decision, outcome.decided_at, outcome.source), (decision, Timestamp::EPOCH, source()));
    }
    let request = request(&payment);
    let item = payment::encode(&Entry::new(&request, Ok(()), Timestamp::EPOCH));
    let no_verdict = "status: expected settled without a reason_code, or declined with one";
    for (name, value, expected) in [
        ("status", s("declined"), no_verdict),
        ("status", s("gone"), no_verdict),
        ("reason_code", s("insufficient_funds"), no_verdict),
        ("amount", n(0), "amount: expected an integer of minor units, 1 to 9007199254740991"),
        (
            "requested_by",
            s("a b"),
            "requested_by: expected 1 to 128 printable ASCII characters without spaces, and not none",
        ),
        ("fingerprint", s("00"), "fingerprint: expected 64 hexadecimal digits"),
    ] {
        assert_eq!(with(&item, name, Some(value), payment::decode).unwrap_err(), expected, "{name}");
    }
}

/// An outcome is read and published whatever somebody made of its trace.
#[test]
fn a_trace_that_can_not_be_read_is_none() {
    let request = Request::new(payment().into(), source()).traced(Trace::parse(TRACEPARENT));
    let item = payment::encode(&Entry::new(&request, Ok(()), Timestamp::EPOCH));
    let trace = |value| with(&item, "traceparent", value, payment::decode).unwrap().outcome.trace;
    assert_eq!(trace(Some(s(TRACEPARENT))).map(|trace| trace.to_string()).as_deref(), Some(TRACEPARENT));
    for value in [None, Some(s("")), Some(s("00-0-0-00")), Some(n(7))] {
        assert_eq!(trace(value.clone()), None, "{value:?}");
    }
}

/// Nobody may choose these ids any more. Items under them are still read, and stop nothing.
#[test]
fn what_was_stored_under_dots_is_still_read() {
    for dots in [".", ".."] {
        let item = with(&account::encode(&account()), accounts_table::KEY, Some(s(dots)), account::decode);
        assert_eq!(item.unwrap().id.as_str(), dots);
        let lane = format!("{dots}/3").parse::<LaneId>().unwrap();
        assert_eq!((lane.account.as_str(), lane.lane), (dots, 3));
        let request = Request::new(payment().into(), source());
        let mut item = payment::encode(&Entry::new(&request, Ok(()), Timestamp::EPOCH));
        for name in [payments_table::KEY, "debtor_account", "creditor_account"] {
            item.insert(name.into(), s(dots));
        }
        let read = payment::decode(&item).unwrap().outcome;
        let Transfer { debtor, creditor, .. } = read.transfer().unwrap();
        assert_eq!([read.instruction.id().as_str(), debtor.as_str(), creditor.as_str()], [dots; 3]);
    }
}

/// A query goes on behind an entry of its index, and needs the whole key of the entry.
#[test]
fn an_entry_of_an_index_is_named_by_both_keys() {
    let start = payments_table::BY_CREDITOR.start("shop/3", Timestamp::EPOCH, &"p".parse().unwrap());
    let expected = [("payment_id", "p"), ("creditor_statement", "shop/3"), ("decided_at", "1970-01-01T00:00:00.000Z")];
    assert_eq!(start, expected.into_iter().map(|(name, value)| (name.to_owned(), s(value))).collect());
}

fn decided(request: &CommandRequest, decision: Result<AccountChange, Refusal>) -> DecidedCommand<'_> {
    DecidedCommand { request, decision, decided_at: Timestamp::EPOCH }
}

fn terms(overdraft_limit: OverdraftLimit, credit_lanes: CreditLanes, owner: Option<Principal>) -> Terms {
    Terms { currency: eur(), overdraft_limit, credit_lanes, owner }
}

fn sent(action: Action) -> CommandRequest {
    let (id, account) = ("c".parse().unwrap(), "alice".parse().unwrap());
    CommandRequest { command: AccountCommand { id, account, action, requested_at: None }, source: source() }
}

#[test]
fn a_command_reads_back() {
    let open = |overdraft_limit, credit_lanes| Action::Open(terms(overdraft_limit, credit_lanes, None));
    for action in [
        open(OverdraftLimit::Limited(AMOUNT_MAX), CreditLanes::NONE),
        open(OverdraftLimit::Unlimited, lanes(2)),
        Action::SetOverdraftLimit(OverdraftLimit::Limited(0)),
        Action::SetOverdraftLimit(OverdraftLimit::Unlimited),
        Action::Freeze,
        Action::Unfreeze,
        Action::Close,
        Action::AddLanes(lanes(1_024)),
        Action::SetLimits(Limits::NONE),
        Action::SetLimits(Limits { max_balance: Some(0), ..Limits::NONE }),
        Action::SetOwner(Principal::try_new("ann").ok()),
        Action::SetOwner(None),
        Action::Open(terms(OverdraftLimit::Unlimited, lanes(2), Principal::try_new("ann").ok())),
    ] {
        let request = sent(action.clone());
        for decision in [Ok(AccountChange::Nothing), Err(Refusal::AccountExists)] {
            let decided = decided(&request, decision);
            let expected = RecordedCommand {
                command: request.command.clone(),
                decision: decided.decision(),
                decided_at: Timestamp::EPOCH,
                source: source(),
                fingerprint: request.command.fingerprint(),
            };
            assert_eq!(account_command::decode(&account_command::encode(&decided)), Ok(expected));
        }
        let has_lanes = matches!(&action, Action::Open(terms) if !terms.credit_lanes.is_none())
            || matches!(action, Action::AddLanes(_));
        let item = account_command::encode(&decided(&request, Ok(AccountChange::Nothing)));
        assert_eq!(item.contains_key("credit_lanes"), has_lanes, "{action:?}");
    }
}

#[test]
fn a_command_that_can_not_be_read_says_why() {
    let request = sent(Action::SetOverdraftLimit(OverdraftLimit::Limited(0)));
    let item = account_command::encode(&decided(&request, Ok(AccountChange::Nothing)));
    let no_verdict = "status: expected applied without a reason, or refused with one";
    for (name, value, expected) in [
        ("status", s("refused"), no_verdict),
        ("status", s("gone"), no_verdict),
        ("reason", s("account_exists"), no_verdict),
        ("overdraft_limit", n(AMOUNT_MAX.saturating_add(1)), "overdraft_limit: expected at most 9007199254740991"),
        ("credit_lanes", n(1_025), "credit_lanes: expected at most 1024 credit lanes"),
        (
            "command",
            s("melt"),
            "command: expected one of open, set_overdraft_limit, freeze, unfreeze, close, add_lanes, \
             set_limits, set_owner",
        ),
    ] {
        assert_eq!(with(&item, name, Some(value), account_command::decode), Err(expected.into()), "{name}");
    }
}

fn letter(value: Option<Vec<u8>>, headers: Vec<Header>) -> DeadLetter {
    DeadLetter {
        source: source(),
        digest: RecordDigest::parse("0123456789abcdef"),
        key: None,
        value,
        headers,
        reason: "not_json".into(),
        detail: "value: expected JSON".into(),
        received_at: Timestamp::EPOCH,
        status: DeadLetterStatus::Parked,
    }
}

fn header(name: usize, value: Option<usize>) -> Header {
    Header { name: "h".repeat(name), value: value.map(|bytes| vec![7; bytes]) }
}

/// A dead letter has as many parts as it needs, and each part is within DynamoDB's limit for an item.
#[test]
fn a_letter_is_cut_into_parts_of_300_kb() {
    for (letter, parts) in [
        (letter(None, vec![]), 1),
        (letter(Some(vec![]), vec![]), 1),
        (letter(Some(vec![7; 307_200]), vec![]), 1),
        (letter(Some(vec![7; 307_201]), vec![]), 2),
        (letter(Some(vec![7; 614_400]), vec![]), 2),
        // A name and 32 bytes a header.
        (letter(Some(vec![7; 307_200 - 42]), vec![header(10, Some(0))]), 1),
        (letter(Some(vec![7; 307_200 - 41]), vec![header(10, None)]), 2),
        (letter(None, vec![header(10, Some(307_200)), header(1, None)]), 2),
    ] {
        let items = dead_letter::encode(&letter);
        assert_eq!(items.len(), parts, "{:?}", letter.value.map(|value| value.len()));
        assert_eq!(dead_letter::decode(&items), Ok(Some(letter.clone())));
        assert!(items.iter().all(|item| size(item) < 400 * 1024));
        assert_eq!(dead_letter::parts(&items[0]), Ok(parts));
        assert!(items.iter().enumerate().all(|(ix, item)| dead_letter::place(item) == Ok((letter.id(), ix))));
    }
}

/// A header name of 1,024 bytes is kept as a name. A longer one goes into the value of a header that says so.
#[test]
fn a_long_name_of_a_header_is_kept_in_its_value() {
    for (name, value) in [(1_023, None), (1_024, Some(3)), (1_024, None)] {
        let letter = letter(None, vec![header(name, value)]);
        assert_eq!(dead_letter::decode(&dead_letter::encode(&letter)), Ok(Some(letter)));
    }
    let long = letter(None, vec![header(1_025, Some(2)), header(1, None)]);
    let kept = dead_letter::decode(&dead_letter::encode(&long)).unwrap().unwrap().headers;
    let value = [&b"h".repeat(1_025)[..], &[0, 7, 7]].concat();
    let expected = Header { name: "giro-long-name-header".into(), value: Some(value) };
    assert_eq!(kept, [expected, header(1, None)]);
}

/// If parts are missing or out of order, the dead letter is still on its way. Parts that can't be read say so.
#[test]
fn a_letter_is_read_from_all_of_its_parts_or_not_at_all() {
    let whole = letter(Some(vec![7; 700_000]), vec![header(1, Some(400_000)), header(2, None)]);
    let items = dead_letter::encode(&whole);
    assert_eq!((items.len(), dead_letter::decode(&items)), (4, Ok(Some(whole))));
    let swapped = [&items[0], &items[2], &items[1], &items[3]].map(Clone::clone);
    for parts in [&[][..], &items[..3], &items[1..], &swapped] {
        assert_eq!(dead_letter::decode(parts), Ok(None));
    }
    let first = |name: &str, value| {
        let mut items = items.clone();
        items[0].insert(name.into(), value);
        dead_letter::decode(&items)
    };
    let map = |value| {
        AttributeValue::L(vec![AttributeValue::M(Item::from([("name".into(), s("n")), ("value".into(), value)]))])
    };
    for (name, value, expected) in [
        (
            "source",
            s("t/1"),
            "source: expected topic/partition/offset/digest, such as payment-requests/3/42/0123456789abcdef, or topic/partition/offset",
        ),
        ("status", s("gone"), "status: expected parked or redriven"),
        ("key", s("text"), "key: expected bytes (B)"),
        ("headers", s("text"), "headers: expected a list (L)"),
        ("headers", AttributeValue::L(vec![s("text")]), "headers: expected maps (M)"),
        ("headers", map(s("text")), "headers.value: expected bytes (B) or NULL"),
    ] {
        assert_eq!(first(name, value), Err(expected.into()), "{name}");
    }
}

/// Older versions named a dead letter by its place alone. So parts of a long dead letter could be stored beside those
/// of a short one.
#[test]
fn a_letter_of_an_older_version_is_read_without_what_lies_beside_it() {
    let short = DeadLetter { digest: None, ..letter(Some(b"short".to_vec()), vec![]) };
    let long = dead_letter::encode(&DeadLetter { digest: None, ..letter(Some(vec![7; 700_000]), vec![]) });
    let first = dead_letter::encode(&short).remove(0);
    assert_eq!(first["source"], s("t/1/2"));
    for beside in [&long[1..], &long[2..]] {
        let parts = [std::slice::from_ref(&first), beside].concat();
        assert_eq!(dead_letter::decode(&parts), Ok(Some(short.clone())));
    }
}

/// For the audit, the first part says how many parts there are. If it is the only part, it is read whole.
#[test]
fn a_part_of_a_letter_is_surveyed_by_its_place() {
    use crate::store::{ScannedItem, Table};
    let long = letter(Some(vec![7; 307_201]), vec![]);
    let part = |part, count| ScannedItem::DeadLetterPart { letter: long.id(), part, count };
    let items = dead_letter::encode(&long);
    let seen: Vec<ScannedItem> = items.iter().map(|item| scan::surveyed(Table::DeadLetters, item)).collect();
    assert_eq!(seen, [part(0, Some(2)), part(1, None)]);
    let mut alone = dead_letter::encode(&letter(None, vec![])).remove(0);
    assert_eq!(scan::surveyed(Table::DeadLetters, &alone), part(0, Some(1)));
    alone.insert("status".into(), s("gone"));
    let expected = "status: expected parked or redriven".to_owned();
    assert_eq!(
        scan::surveyed(Table::DeadLetters, &alone),
        ScannedItem::Unreadable { key: "t/1/2/0123456789abcdef".into(), expected: expected.clone() }
    );
    // Of a longer dead letter only the number of the part is read.
    let mut first = items[0].clone();
    first.insert("status".into(), s("gone"));
    assert_eq!(scan::surveyed(Table::DeadLetters, &first), part(0, Some(2)));
}
