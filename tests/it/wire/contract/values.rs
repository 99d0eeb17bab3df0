//! Every value that stands in the repository, and every value that the encoder writes, is as its schema says.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::account_command::Action;
use giro::domain::{Currency, Decline, Instruction, LegNumber, Outcome, Principal, Repayment, Timestamp};
use giro::wire::kafka_event::KafkaEvent;
use giro::wire::{account_command, instruction, outcome};
use giro_testkit::given;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;

use super::{CURRENT, FROZEN, Reads, check, json, names, path, reader, schema, validator};
use crate::wire::account_command::any_account_command;
use crate::wire::formats::any_payment;
use crate::wire::refund_request::any_refund;

/// The schemas of a folder, and the decoders of their messages.
struct Contract(BTreeMap<String, Validator>);

impl Contract {
    fn of(folder: &str) -> Self {
        Self(names(folder).into_iter().map(|name| (name.clone(), validator(&schema(folder, &name)))).collect())
    }

    /// A value that the decoder reads is of the schema of its message, and of no other that it reads. Gives the name.
    fn holds(&self, reads: Reads, text: &[u8]) -> Option<String> {
        let read = reads(text)?;
        let value: Value = serde_json::from_slice(text).unwrap();
        check(self.0.get(&read).unwrap_or_else(|| panic!("no schema of {read}")), &value, &read);
        let others = self.0.iter().filter(|(name, _)| **name != read && std::ptr::fn_addr_eq(reader(name), reads));
        for (name, other) in others {
            assert!(!other.is_valid(&value), "{read} is of {name} too: {value}");
        }
        Some(read)
    }
}

/// The values of a golden topic.
fn golden(topic: &str) -> Vec<Vec<u8>> {
    let rows = json(&format!("tests/golden/topics/{topic}.json"));
    let values = rows.as_array().unwrap().iter().filter_map(|row| row["value"].as_str());
    values.map(|value| value.as_bytes().to_vec()).collect()
}

/// The values of sample events.
fn sampled(event: &str) -> Vec<Vec<u8>> {
    let event: KafkaEvent = serde_json::from_str(&json(event).to_string()).unwrap();
    let records = event.partitions.iter().flat_map(|partition| &partition.records);
    records.filter_map(|record| record.value.bytes().map(<[u8]>::to_vec)).collect()
}

/// What older versions wrote, and what the samples ask for. Only of a message that nobody wrote yet there is none.
#[test]
fn golden_and_sample_values_are_as_their_schemas_say() {
    let contract = Contract::of(CURRENT);
    let mut seen = BTreeSet::new();
    for (topic, name) in [
        ("payment-requests", "payment-request"),
        ("account-commands", "account-command-open"),
        ("payment-outcomes", "giro.payment.settled.v1"),
        ("payment-requests-failed", "failed-record"),
    ] {
        seen.extend(golden(topic).iter().filter_map(|value| contract.holds(reader(name), value)));
    }
    let mut samples = vec!["events/msk.json".to_owned(), "events/self-managed.json".into(), "events/kinds.json".into()];
    let commands = std::fs::read_dir(path("events/account-commands")).unwrap();
    samples.extend(commands.map(|it| format!("events/account-commands/{}", it.unwrap().file_name().display())));
    for sample in samples {
        let name = if sample.contains("account-commands") { "account-command-open" } else { "payment-request" };
        let read = sampled(&sample).iter().filter_map(|value| contract.holds(reader(name), value)).count();
        assert!(read > 0, "{sample} holds nothing");
    }
    assert_eq!(seen, names(CURRENT));
}

/// The examples of a schema are read as its message, by the code and by what was frozen.
#[test]
fn examples_are_as_their_schemas_say() {
    let (current, frozen) = (Contract::of(CURRENT), Contract::of(FROZEN));
    for name in names(CURRENT) {
        let examples = schema(CURRENT, &name)["examples"].take();
        assert!(!examples.as_array().unwrap().is_empty(), "{name} has no example");
        for example in examples.as_array().unwrap() {
            for contract in [&current, &frozen] {
                assert_eq!(contract.holds(reader(&name), example.to_string().as_bytes()), Some(name.clone()));
            }
        }
    }
    for name in names(FROZEN) {
        for example in schema(FROZEN, &name)["examples"].as_array().unwrap() {
            assert_eq!(current.holds(reader(&name), example.to_string().as_bytes()), Some(name.clone()));
        }
    }
}

/// Every command has a schema.
#[test]
fn each_command_has_a_schema() {
    let commands =
        names(CURRENT).into_iter().filter_map(|name| Some(name.strip_prefix("account-command-")?.to_owned()));
    assert_eq!(commands.collect::<BTreeSet<_>>(), Action::NAMES.map(|name| name.replace('_', "-")).into());
}

fn any_legged() -> impl Strategy<Value = Instruction> {
    let legs = prop::collection::vec((0..3_usize, 0..3_usize, 1..=9_007_199_254_740_991_u64, ".{0,140}"), 1..=15);
    let names = ["alice", "shop", "bank"];
    legs.prop_map(move |legs| {
        let told = legs.iter().map(|(debtor, creditor, amount, _)| (names[*debtor], names[*creditor], "EUR", *amount));
        let told: Vec<_> = [("alice", "shop", "USD", 1)].into_iter().chain(told).collect();
        let mut asked = given::legged("p1", "alice", &told);
        asked.reference = legs.first().filter(|leg| !leg.3.is_empty()).map(|leg| leg.3.as_str().into());
        asked.into()
    })
}

fn any_instruction() -> impl Strategy<Value = Instruction> {
    prop_oneof![any_payment().prop_map(Into::into), any_refund().prop_map(Into::into), any_legged()]
}

prop_compose! {
    fn any_outcome()(
        instruction in any_instruction(), reason in 0..=Decline::ALL.len(), is_known in any::<bool>(),
        at in -62_135_596_800_000_i64..=253_402_300_799_999, by in proptest::option::of("[!-~]{1,128}"),
        partition in 0..=i32::MAX, offset in 0..=i64::MAX,
    ) -> Outcome {
        let decision = Decline::ALL.get(reason).map_or(Ok(()), |row| Err(row.0));
        let repayment = Repayment {
            creditor: given::id("alice"),
            amount: instruction.amount().unwrap_or(given::payment("p", "a", "b", 7).amount),
            currency: Currency::try_new("EUR").unwrap(),
        };
        let is_refund = instruction.original().is_some();
        let has_legs = !instruction.legs().is_empty();
        Outcome {
            repayment: (is_refund && (decision.is_ok() || is_known)).then_some(repayment),
            declined_leg: (has_legs && decision.is_err()).then(|| LegNumber::at(reason % 2)),
            limits_version: None,
            instruction,
            decision,
            decided_at: Timestamp::try_from_millis(at).unwrap(),
            source: given::source(partition, offset),
            requested_by: by.and_then(|by| Principal::try_new(&by).ok()),
            trace: None,
        }
    }
}

/// What this version writes is taken by its schemas, and by those that were frozen.
#[test]
fn what_the_encoder_writes_is_as_its_schema_says() {
    let (current, frozen) = (Contract::of(CURRENT), Contract::of(FROZEN));
    let both = |name: &str, text: &str| {
        let reads = reader(name);
        assert!(current.holds(reads, text.as_bytes()).is_some(), "{text}");
        assert!(frozen.holds(reads, text.as_bytes()).is_some(), "{text}");
    };
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(asked in any_instruction(), command in any_account_command(), decided in any_outcome())| {
        both("payment-request", &instruction::encode(&asked));
        both("account-command-open", &account_command::encode(&command));
        both("giro.payment.settled.v1", &outcome::encode(&decided));
    });
}
