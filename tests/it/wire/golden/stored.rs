//! Each stored item is read into the domain, and what is written of that is the same item.

use std::collections::BTreeMap;

use giro::domain::account_command::{AccountChange, DecidedCommand};
use giro::domain::plan::{Entry, StatementLanes};
use giro::domain::{CommandRequest, Instruction, LaneId};
use giro::store::items::{
    Item, account, account_command, audit_draft, audit_head, audit_run, checkpoint, dead_letter, lane, legs, payment,
    payments_table, refund_base, refund_total,
};

use super::items;

#[test]
fn accounts_and_lanes_are_written_as_they_were() {
    for item in items("accounts") {
        let again = match lane::is_lane(&item) {
            true => lane::encode(&lane::decode(&item).unwrap()),
            false => account::encode(&account::decode(&item).unwrap()),
        };
        assert_eq!(again, item);
    }
}

/// What this version reads of an item of `payments`, written.
pub(super) fn written_again(item: &Item) -> Item {
    let lanes = lanes_of(item);
    if legs::is_leg(item) {
        return legs::encode_leg(&legs::decode_leg(item).unwrap(), lanes.debtor, lanes.creditor);
    }
    let recorded = payment::decode(item).unwrap();
    assert_eq!(recorded.outcome.instruction.fingerprint(), recorded.fingerprint, "{item:?}");
    // A refund whose original is not known stands in no creditor's statement.
    let outcome = recorded.outcome;
    let request = outcome.request();
    payment::encode(&Entry { lanes, ..Entry::of(&request, &outcome) })
}

#[test]
fn payments_are_written_as_they_were() {
    for item in items("payments").into_iter().filter(|item| !legs::is_leg(item)) {
        assert_eq!(written_again(&item), item);
    }
}

/// The lanes in whose statements an item stands.
fn lanes_of(item: &Item) -> StatementLanes {
    let lane = |index: payments_table::Index| {
        let statement = item.get(index.key).map(|key| key.as_s().unwrap());
        statement.filter(|key| key.contains('/')).map(|key| key.parse::<LaneId>().unwrap().lane)
    };
    StatementLanes { debtor: lane(payments_table::BY_DEBTOR), creditor: lane(payments_table::BY_CREDITOR) }
}

/// Those of the further legs are the items that their payment makes.
#[test]
fn legs_are_written_as_they_were() {
    let mut count = 0;
    for item in items("payments").into_iter().filter(legs::is_leg) {
        assert_eq!(written_again(&item), item);
        let leg = legs::decode_leg(&item).unwrap();
        let of =
            |other: &Item| payment::decode(other).is_ok_and(|read| *read.outcome.instruction.id() == leg.id.payment);
        let outcome = payment::decode(items("payments").iter().find(|other| of(other)).unwrap()).unwrap().outcome;
        let Instruction::Legged(payment) = &outcome.instruction else { panic!("{item:?}") };
        assert!(payment.further(outcome.decided_at).any(|further| further == leg), "{item:?}");
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn sums_of_refunds_are_written_as_they_were() {
    for item in items("refunds") {
        let (original, sum) = refund_total::decode_with_key(&item).unwrap();
        assert_eq!(refund_total::key(&original)[refund_total::KEY], item[refund_total::KEY]);
        assert_eq!(item, refund_total::encode(&original, sum));
    }
}

#[test]
fn account_commands_are_written_as_they_were() {
    for item in items("account-commands") {
        let recorded = account_command::decode(&item).unwrap();
        assert_eq!(recorded.command.fingerprint(), recorded.fingerprint, "{item:?}");
        let request = CommandRequest { command: recorded.command, source: recorded.source };
        // A record tells the answer, and not by which change.
        let decision = recorded.decision.map(|()| AccountChange::Nothing);
        let decided = DecidedCommand { request: &request, decision, decided_at: recorded.decided_at };
        assert_eq!(account_command::encode(&decided), item);
    }
}

#[test]
fn dead_letters_are_written_as_they_were() {
    let mut letters: BTreeMap<String, Vec<Item>> = BTreeMap::new();
    for item in items("dead-letters") {
        letters.entry(item[dead_letter::KEY].as_s().unwrap().clone()).or_default().push(item);
    }
    for (name, parts) in letters {
        let letter = dead_letter::decode(&parts).unwrap().unwrap_or_else(|| panic!("{name} is not whole"));
        assert_eq!(letter.id().to_string(), name);
        assert!(dead_letter::encode(&letter) == parts, "{name}");
    }
}

#[test]
fn checkpoints_are_written_as_they_were() {
    for item in items("checkpoints") {
        let key = item[checkpoint::KEY].as_s().unwrap();
        let again = match key.strip_prefix("refund/") {
            Some(total) => refund_base::encode(&total.parse().unwrap(), refund_base::decode(&item).unwrap()),
            None if audit_draft::is_draft(&item) => match audit_draft::decode(&item).unwrap() {
                Some(draft) => audit_draft::encode(&draft),
                None => audit_draft::key(&key.parse().unwrap()),
            },
            None if key == "/run" => audit_run::encode(&audit_run::decode(&item).unwrap()),
            None => checkpoint::encode(&checkpoint::decode(&item).unwrap()),
        };
        assert_eq!(again, item);
    }
}

#[test]
fn heads_are_written_as_they_were() {
    for item in items("audit-heads") {
        assert_eq!(audit_head::encode(&audit_head::decode(&item).unwrap()), item);
    }
}
