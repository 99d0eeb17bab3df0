//! Each stored item is read into the domain, and what is written of that is the same item.

use std::collections::BTreeMap;

use giro::domain::account_command::{AccountChange, DecidedCommand};
use giro::domain::plan::Entry;
use giro::domain::{CommandRequest, LaneId};
use giro::store::items::{Item, account, account_command, dead_letter, lane, payment, refund_total};

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

#[test]
fn payments_are_written_as_they_were() {
    for item in items("payments") {
        let recorded = payment::decode(&item).unwrap();
        assert_eq!(recorded.outcome.instruction.fingerprint(), recorded.fingerprint, "{item:?}");
        // A refund whose original is not known stands in no creditor's statement.
        let statement = item.get(payment::BY_CREDITOR.key).map(|key| key.as_s().unwrap());
        let creditor_lane = statement.filter(|key| key.contains('/')).map(|key| key.parse::<LaneId>().unwrap().lane);
        let outcome = recorded.outcome;
        let request = outcome.request();
        let entry = Entry { creditor_lane, ..Entry::of(&request, &outcome) };
        assert_eq!(payment::encode(&entry), item);
    }
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
