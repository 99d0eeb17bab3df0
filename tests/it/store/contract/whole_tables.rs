//! The scan: whoever reads whole tables meets every item once.

use giro::domain::plan::{TotalUpdate, Transaction};
use giro::domain::{Account, AccountStatus, DeadLetter, Decline};
use giro::store::{ScannedItem, Segment, Table};
use giro_testkit::given::Setters as _;

use super::{Store, commit, laned, letter, open, request, transaction};

contract! {
    a_survey_meets_every_item_once
}

/// All items of a segment, page by page.
async fn segment(store: &impl Store, table: Table, segment: Segment) -> Vec<ScannedItem> {
    let (mut items, mut mark) = (Vec::new(), None);
    loop {
        let page = store.page(table, segment, mark).await.unwrap();
        items.extend(page.items);
        mark = page.next;
        if mark.is_none() {
            return items;
        }
    }
}

async fn a_survey_meets_every_item_once(store: &impl Store) {
    // Frozen, so that their lanes are there.
    let account = |ix: u16| laned(&format!("a{ix}"), ix % 2).status(AccountStatus::Frozen);
    let accounts: Vec<Account> = (0..40).map(account).collect();
    open(store, &accounts).await;
    for ix in 0..20 {
        commit(store, &[(request(&format!("k{ix}"), 1), Err(Decline::SameAccount))], &[]).await;
    }
    store.write_dead_letter(&DeadLetter { value: Some(vec![7; 700_000]), ..letter(1) }).await.unwrap();
    store.write_dead_letter(&letter(2)).await.unwrap();
    for ix in 0..30 {
        let total = TotalUpdate { id: format!("k{ix}").parse().unwrap(), net: ix + 1, total_max: 0 };
        let refund = [(request(&format!("r{ix}"), 1), Err(Decline::SameAccount))];
        store.commit(&Transaction { totals: vec![total], ..transaction(&refund, &[]) }).await.unwrap();
    }
    let name = |item: &ScannedItem| match item {
        ScannedItem::Account(account) => account.id.to_string(),
        ScannedItem::Lane(lane) => lane.id.to_string(),
        ScannedItem::Payment(recorded) => recorded.outcome.instruction.id().to_string(),
        ScannedItem::Leg(leg) => leg.id.to_string(),
        ScannedItem::RefundSum(original, sum) => format!("{original} {sum}"),
        ScannedItem::DeadLetterPart { letter, part, .. } => format!("{letter} {part}"),
        ScannedItem::Unreadable { key, expected } => panic!("{key}: {expected}"),
    };
    for (table, count) in [(Table::Accounts, 60), (Table::Payments, 50), (Table::Refunds, 30), (Table::DeadLetters, 4)]
    {
        for of in [1, 3] {
            let (mut names, mut largest) = (Vec::new(), 0);
            for number in 0..of {
                let items = segment(store, table, Segment { number, of }).await;
                largest = largest.max(items.len());
                names.extend(items.iter().map(name));
            }
            names.sort();
            assert_eq!(
                (names.len(), names.windows(2).any(|two| two[0] == two[1])),
                (count, false),
                "{table:?} {names:?}"
            );
            assert!(of == 1 || count == 4 || largest < count, "{table:?}: the segments share");
        }
    }
}
