//! Account commands as bytes: read strictly, written and read again as the same.

use giro::domain::account_command::{Action, Terms};
use giro::domain::limits::WindowLimit;
use giro::domain::{
    AccountCommand, AccountId, Amount, CommandId, CreditLanes, Currency, Limits, OverdraftLimit, Principal, Timestamp,
};
use giro::wire::account_command;
use giro::wire::kafka_event::KafkaEvent;
use proptest::prelude::*;

use crate::wire::formats::any_id;

fn check_wire(json: &str, expected: &str) {
    let found = match account_command::decode_json(json.as_bytes()) {
        Ok(command) => format!("{} {} {:?}", command.id, command.account, command.action),
        Err(malformed) => format!("{}: {malformed}", malformed.name()),
    };
    assert_eq!(found, expected, "{json}");
}

#[test]
fn commands_are_read_strictly() {
    let check = |rest: &str, expected: &str| {
        check_wire(&format!(r#"{{"command_id":"c1","account_id":"alice",{rest}}}"#), expected);
    };
    let laned = |limit: &str, lanes: u16| {
        let lanes = format!("credit_lanes: CreditLanes({lanes}), owner: None");
        format!("c1 alice Open(Terms {{ currency: Currency([69, 85, 82]), overdraft_limit: {limit}, {lanes} }})")
    };
    let open = |limit: &str| laned(limit, 0);
    check(r#""command":"open","currency":"EUR""#, &open("Limited(0)"));
    check(r#""command":"open","currency":"EUR","overdraft_limit":null"#, &open("Limited(0)"));
    check(r#""command":"open","currency":"EUR","overdraft_limit":7,"x":[{}]"#, &open("Limited(7)"));
    check(
        r#""command":"open","currency":"EUR","overdraft_limit":9007199254740991"#,
        &open("Limited(9007199254740991)"),
    );
    check(r#""command":"open","currency":"EUR","overdraft_limit":"unlimited""#, &open("Unlimited"));
    check(r#""command":"open","currency":"EUR","overdraft_limit":"\u0075nlimited""#, &open("Unlimited"));
    let limit =
        r#"invalid_field: overdraft_limit: expected an integer of minor units, 0 to 9007199254740991, or "unlimited""#;
    for bad in ["-1", "-0", "1.0", "1e2", "9007199254740992", r#""7""#, r#""Unlimited""#, "true", "[]", r#""\ud800""#] {
        check(&format!(r#""command":"open","currency":"EUR","overdraft_limit":{bad}"#), limit);
        check(&format!(r#""command":"set_overdraft_limit","overdraft_limit":{bad}"#), limit);
    }
    check(r#""command":"set_overdraft_limit","overdraft_limit":0"#, "c1 alice SetOverdraftLimit(Limited(0))");
    check(r#""command":"set_overdraft_limit""#, "missing_field: overdraft_limit: required, and missing or null");
    check(r#""command":"open""#, "missing_field: currency: required, and missing or null");
    check(r#""command":"open","currency":"EUR","credit_lanes":16"#, &laned("Limited(0)", 16));
    check(r#""command":"add_lanes","credit_lanes":1024"#, "c1 alice AddLanes(CreditLanes(1024))");
    check(r#""command":"add_lanes""#, "missing_field: credit_lanes: required, and missing or null");
    for bad in ["-1", "1.0", "1025", "65536", r#""7""#, "{}"] {
        let lanes = "invalid_field: credit_lanes: expected at most 1024 credit lanes";
        check(&format!(r#""command":"add_lanes","credit_lanes":{bad}"#), lanes);
        check(&format!(r#""command":"open","currency":"EUR","credit_lanes":{bad}"#), lanes);
    }
    check(r#""command":"freeze""#, "c1 alice Freeze");
    check(r#""command":"freeze","currency":7,"overdraft_limit":{}"#, "c1 alice Freeze");
    check(r#""command":"unfreeze""#, "c1 alice Unfreeze");
    check(r#""command":"close","requested_at":"2026-11-22T10:00:00Z""#, "c1 alice Close");
    let name = "invalid_field: command: expected one of open, set_overdraft_limit, freeze, unfreeze, close, add_lanes, \
                set_limits, set_owner";
    check(r#""command":"delete""#, name);
    check(r#""command":"Close""#, name);
    check(r#""command":7"#, "invalid_field: command: expected a string");
    check(
        r#""command":"close","requested_at":"now""#,
        "invalid_field: requested_at: expected an RFC 3339 time of the years 0001 to 9999, such as 2026-11-22T10:00:00Z",
    );
    check(r#""command":"freeze","command":"close""#, "duplicate_field: command: expected once, got it more than once");
    check_wire(r#"{"command":"close"}"#, "missing_field: command_id: required, and missing or null");
    check_wire(
        r#"{"command_id":"c1","command":"close","account_id":"a b"}"#,
        "invalid_field: account_id: expected 1 to 64 characters of A-Z a-z 0-9 . _ : -, and neither . nor ..",
    );
    check_wire("[]", "not_an_object: value: expected a JSON object");
}

#[test]
fn owners_are_read_strictly() {
    let check = |rest: &str, expected: &str| {
        check_wire(&format!(r#"{{"command_id":"c1","account_id":"alice",{rest}}}"#), expected);
    };
    check(r#""command":"set_owner","owner":"ann""#, r#"c1 alice SetOwner(Some(Principal("ann")))"#);
    check(r#""command":"set_owner","owner":"none""#, "c1 alice SetOwner(None)");
    check(r#""command":"set_owner","owner":null"#, "missing_field: owner: required, and missing or null");
    let owner = "invalid_field: owner: expected 1 to 128 printable ASCII characters without spaces, and not none";
    for bad in [r#""""#, r#""a b""#, r#""ä""#] {
        check(&format!(r#""command":"set_owner","owner":{bad}"#), owner);
        check(&format!(r#""command":"open","currency":"EUR","owner":{bad}"#), owner);
    }
    check(r#""command":"open","currency":"EUR","owner":"none""#, owner);
}

#[test]
fn limits_are_read_strictly() {
    let limits = |rest: &str, expected: &str| {
        check_wire(&format!(r#"{{"command_id":"c1","account_id":"alice","command":"set_limits"{rest}}}"#), expected);
    };
    let none = "Limits { max_payment: None, max_balance: None, windows: [None, None, None] }";
    limits("", &format!("c1 alice SetLimits({none})"));
    limits(r#","max_payment":null,"max_balance":null,"windows":[]"#, &format!("c1 alice SetLimits({none})"));
    limits(
        r#","max_balance":0"#,
        &format!("c1 alice SetLimits({})", none.replace("balance: None", "balance: Some(0)")),
    );
    let window = none.replace("[None", "[Some(WindowLimit { amount: None, count: Some(2) })");
    limits(r#","windows":[{"period":"hour","count":2}]"#, &format!("c1 alice SetLimits({window})"));
    let amount = "invalid_field: max_payment: expected an integer of minor units, 1 to 9007199254740991";
    for bad in ["0", "-1", "1.0", r#""7""#, "9007199254740992"] {
        limits(&format!(r#","max_payment":{bad}"#), amount);
    }
    limits(
        r#","max_balance":-1"#,
        "invalid_field: max_balance: expected an integer of minor units, 0 to 9007199254740991",
    );
    limits(
        r#","windows":[{"period":"week","count":2}]"#,
        "invalid_field: windows: expected the period hour, day or month",
    );
}

#[test]
fn the_sample_events_read_as_their_table_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events/account-commands");
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut all = String::new();
    for file in files {
        all += &format!("{}\n", file.file_name().unwrap().to_str().unwrap());
        let event: KafkaEvent = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        for record in event.partitions.iter().flat_map(|partition| &partition.records) {
            let is = match account_command::decode(&record.value) {
                Ok(command) => account_command::encode(&command),
                Err(malformed) => format!("{} ({malformed})", malformed.name()),
            };
            all += &format!("{} {is}\n", record.source);
        }
    }
    expect_test::expect_file!["fixtures/account_commands.txt"].assert_eq(&all);
}

/// Limits of every shape: each bit of a number says whether there is one of them.
fn limits(most: Option<u64>, bits: u64) -> Limits {
    let bit = |nth: u32| bits.checked_shr(nth).is_some_and(|bits| bits & 1 == 1);
    let window = |nth: u32| {
        let limit = WindowLimit { amount: most.filter(|_| bit(nth)), count: Some(bits).filter(|_| bit(nth + 1)) };
        (limit.amount.is_some() || limit.count.is_some()).then_some(limit)
    };
    Limits {
        max_payment: most.filter(|_| bit(0)).and_then(|most| Amount::try_new(most).ok()),
        max_balance: most.filter(|_| bit(1)),
        windows: [window(2), window(4), window(6)],
    }
}

prop_compose! {
    pub(crate) fn any_account_command()(
        id in any_id(), account in any_id(), kind in 0..9, currency in "[A-Z]{3}",
        lanes in 0_u16..=1024,
        owner in "[!-~]{1,128}",
        limit in proptest::option::of(0_u64..=9_007_199_254_740_991),
        at in proptest::option::of(-62_135_596_800_000_i64..=253_402_300_799_999),
    ) -> AccountCommand {
        let credit_lanes = CreditLanes::try_new(lanes).unwrap();
        let overdraft_limit = limit.map_or(OverdraftLimit::Unlimited, OverdraftLimit::Limited);
        let action = match kind {
            0 => Action::Open(Terms {
                currency: Currency::try_new(&currency).unwrap(),
                overdraft_limit,
                credit_lanes,
                owner: Principal::try_new(&owner).ok().filter(|_| lanes > 512),
            }),
            1 => Action::SetOverdraftLimit(overdraft_limit),
            2 => Action::Freeze,
            3 => Action::Unfreeze,
            4 => Action::AddLanes(credit_lanes),
            6 => Action::SetOwner(Principal::try_new(&owner).ok()),
            7 => Action::SetOwner(None),
            5 => Action::SetLimits(limits(limit, u64::from(lanes))),
            _ => Action::Close,
        };
        AccountCommand {
            id: CommandId::try_new(&id).unwrap(), account: AccountId::try_new(&account).unwrap(), action,
            requested_at: at.map(|at| Timestamp::try_from_millis(at).unwrap()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_command_reads_back(command in any_account_command()) {
        let json = account_command::encode(&command);
        prop_assert_eq!(account_command::decode_json(json.as_bytes()), Ok(command));
    }

    /// A command with one byte changed is still a command, or refused; never a panic.
    #[test]
    fn a_command_with_a_byte_changed_is_read_or_refused(command in any_account_command(), at in any::<usize>(), byte in any::<u8>()) {
        let mut json = account_command::encode(&command).into_bytes();
        let at = at % json.len();
        json[at] = byte;
        if let Err(malformed) = account_command::decode_json(&json) {
            prop_assert!(!malformed.name().is_empty());
        }
    }

    #[test]
    fn no_bytes_are_too_odd_for_the_command_reader(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = account_command::decode_json(&bytes);
    }
}
