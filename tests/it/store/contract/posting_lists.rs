//! Lists of postings: each main item and each lane lists its debits and its credits, by time of decision.

use std::collections::BTreeSet;

use giro::domain::plan::{Entry, StatementLanes, Transaction};
use giro::domain::{AccountStatus, Decision, Decline, Request, Timestamp};
use giro::store::{Commit, Read, ScannedItem, Segment, Span};
use giro_testkit::given::{self, Placed as _, Setters as _, id};

use super::{Store, laned, open};

contract! {
    a_list_holds_what_was_decided_in_a_span
    legs_are_listed_and_read_by_their_keys
    accounts_and_lanes_are_scanned_once_each
}

/// Later than all of these tests.
const LATE: i64 = 1_000_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::try_from_millis(1_700_000_000_000 + ms).unwrap()
}

async fn commit(store: &impl Store, request: &Request, decision: Decision, ms: i64, lanes: StatementLanes) {
    let further = request.instruction.legs().iter().skip(1).map(|_| lanes).collect();
    let entry = Entry { decided_at: at(ms), lanes, further, ..given::entry(request, decision) };
    let transaction = Transaction { entries: vec![entry], updates: Vec::new(), totals: Vec::new() };
    assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
}

/// The key of an item of a list, or of the accounts table.
fn key(item: &ScannedItem) -> String {
    match item {
        ScannedItem::Account(account) => account.id.to_string(),
        ScannedItem::Lane(lane) => lane.id.to_string(),
        ScannedItem::Payment(recorded) => recorded.outcome.instruction.id().to_string(),
        ScannedItem::Leg(leg) => leg.id.to_string(),
        ScannedItem::RefundSum(..) | ScannedItem::DeadLetterPart { .. } | ScannedItem::Unreadable { .. } => {
            panic!("{item:?}")
        }
    }
}

/// The keys of a list after a time and up to another, in its order.
async fn listed(store: &impl Store, account: &str, list: &str, (after_ms, until_ms): (i64, i64)) -> String {
    let span = Span { after: at(after_ms), until: at(until_ms) };
    let (mut keys, mut mark) = (Vec::new(), None);
    loop {
        let page = store.listed(&id(account), list.parse().unwrap(), span, mark).await.unwrap();
        assert!(page.read_milliunits > 0 || span.after >= span.until);
        keys.extend(page.items.iter().map(key));
        mark = page.next;
        if mark.is_none() {
            return keys.join(" ");
        }
    }
}

async fn a_list_holds_what_was_decided_in_a_span(store: &impl Store) {
    let on = |debtor, creditor| StatementLanes { debtor, creditor };
    for (name, decision, ms, lanes) in [
        ("p1", Ok(()), 10, on(None, None)),
        ("p2", Ok(()), 30, on(None, Some(3))),
        ("p3", Ok(()), 20, on(Some(1), None)),
        ("p4", Err(Decline::InsufficientFunds), 25, on(None, None)),
    ] {
        commit(store, &given::payment(name, "alice", "shop", 5).at(0, ms), decision, ms, lanes).await;
    }
    for (account, list, after, expected) in [
        ("alice", "debits", 0, "p1 p4 p2"),
        ("alice", "debits", 9, "p1 p4 p2"),
        ("alice", "debits", 10, "p4 p2"),
        ("alice", "debits", 30, ""),
        ("alice", "debits/1", 0, "p3"),
        ("alice", "credits", 0, ""),
        ("shop", "credits", 0, "p1 p3 p4"),
        ("shop", "credits/3", 0, "p2"),
        ("shop", "credits/30", 0, ""),
    ] {
        assert_eq!(listed(store, account, list, (after, LATE)).await, expected, "{account} {list} {after}");
    }
    for (span, expected) in
        [((9, 10), "p1"), ((10, 10), ""), ((10, 25), "p4"), ((10, 24), ""), ((9, 30), "p1 p4 p2"), ((30, 9), "")]
    {
        assert_eq!(listed(store, "alice", "debits", span).await, expected, "{span:?}");
    }
    for ix in 0..40_i64 {
        let request = given::payment(&format!("q{ix:02}"), "bob", "shop", 5).at(0, ix);
        commit(store, &request, Ok(()), 100 + ix % 3, on(None, Some(7))).await;
    }
    let many = listed(store, "shop", "credits/7", (0, LATE)).await;
    let (all, different) = (many.split(' ').count(), many.split(' ').collect::<BTreeSet<_>>().len());
    assert_eq!((all, different), (40, 40), "{many}");
}

async fn legs_are_listed_and_read_by_their_keys(store: &impl Store) {
    let legs = [("alice", "shop", "EUR", 10), ("shop", "fees", "EUR", 1), ("alice", "fees", "EUR", 2)];
    let request = given::legged("p1", "alice", &legs).at(0, 1);
    commit(store, &request, Ok(()), 10, StatementLanes::default()).await;
    for (account, list, expected) in [
        ("alice", "debits", &["p1", "p1/3"][..]),
        ("shop", "credits", &["p1"]),
        ("shop", "debits", &["p1/2"]),
        ("fees", "credits", &["p1/2", "p1/3"]),
    ] {
        let keys = listed(store, account, list, (0, LATE)).await;
        assert_eq!(keys.split(' ').collect::<BTreeSet<_>>(), expected.iter().copied().collect(), "{account} {list}");
    }
    let ids = ["p1/3", "p1/4", "p1/2"].map(|leg| leg.parse().unwrap());
    let read = store.read_legs(&ids.iter().collect::<Vec<_>>()).await.unwrap();
    let giro::domain::Instruction::Legged(payment) = &request.instruction else { panic!("{request:?}") };
    let further: Vec<_> = payment.further(at(10)).collect();
    assert_eq!(read, [Read::Found(further[1].clone()), Read::Missing, Read::Found(further[0].clone())]);
}

async fn accounts_and_lanes_are_scanned_once_each(store: &impl Store) {
    // Frozen, so that their lanes are there.
    let accounts: Vec<_> = (0..30).map(|ix| laned(&format!("a{ix}"), ix % 3).status(AccountStatus::Frozen)).collect();
    open(store, &accounts).await;
    for of in [1, 4] {
        let mut names = Vec::new();
        for number in 0..of {
            let mut mark = None;
            loop {
                let page = store.account_pages(Segment { number, of }, mark).await.unwrap();
                names.extend(page.items.iter().map(key));
                mark = page.next;
                if mark.is_none() {
                    break;
                }
            }
        }
        let different: BTreeSet<&String> = names.iter().collect();
        assert_eq!((names.len(), different.len()), (60, 60), "{of}: {names:?}");
    }
}
