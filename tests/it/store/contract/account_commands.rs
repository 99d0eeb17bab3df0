//! Account commands: the record and the change happen together, under the command's own conditions.

use giro::domain::account_command::{AccountChange, Action, DecidedCommand, Terms};
use giro::domain::{
    Account, AccountStatus, Balance, CommandId, CommandRequest, CreditLanes, OverdraftLimit, Principal, Refusal,
    Timestamp,
};
use giro::store::{AccountRead, CancelledCommand, CommandCommit};
use giro_testkit::given::{Setters as _, eur, id};

use super::{Store, account, command, open, plain, recorded, rule, source};

contract! {
    a_command_happens_whole_and_reads_back
    each_condition_of_a_command_stops_all_of_it
    a_command_that_is_there_comes_back
    commands_come_in_the_order_of_their_answers
}

fn status(from: AccountStatus, to: AccountStatus, balance: Option<i64>) -> AccountChange {
    let balances = balance.map(|balance| vec![Balance::new(balance)]);
    AccountChange::Status {
        limits_version: 0,
        shut: false,
        from,
        to,
        lanes: CreditLanes::NONE,
        currency: eur(),
        balances,
    }
}

async fn a_command_happens_whole_and_reads_back(store: &impl Store) {
    use AccountStatus::{Closed, Frozen, Open};
    let terms = |overdraft_limit| {
        Action::Open(Terms { currency: eur(), overdraft_limit, credit_lanes: CreditLanes::NONE, owner: None })
    };
    let ann = Principal::try_new("ann").ok();
    let owned = |from, to: &Option<Principal>| {
        (Action::SetOwner(to.clone()), Ok(AccountChange::Owner { from, to: to.clone() }))
    };
    let opened = account("alice", 0);
    let limit = |from, to| {
        let account = Account { overdraft_limit: from, ..opened.clone() };
        (Action::SetOverdraftLimit(to), AccountChange::Limit { account, to, lanes: Vec::new() })
    };
    let seven = OverdraftLimit::Limited(7);
    let (lower, none) = (limit(opened.overdraft_limit, seven), limit(seven, OverdraftLimit::Unlimited));
    let cases = [
        (terms(opened.overdraft_limit), Ok(AccountChange::Open(opened.clone()))),
        (terms(OverdraftLimit::Unlimited), Err(Refusal::AccountExists)),
        (lower.0, Ok(lower.1)),
        (none.0, Ok(none.1)),
        (Action::Freeze, Ok(status(Open, Frozen, None))),
        (Action::Freeze, Ok(AccountChange::Nothing)),
        owned(Frozen, &ann),
        (Action::SetOwner(ann.clone()), Ok(AccountChange::Nothing)),
        owned(Frozen, &None),
        (Action::SetOwner(None), Ok(AccountChange::Nothing)),
        owned(Frozen, &ann),
        (Action::Unfreeze, Ok(status(Frozen, Open, None))),
        (Action::Close, Ok(status(Open, Closed, Some(0)))),
    ];
    let mut expected = None;
    for (ix, (action, decision)) in cases.into_iter().enumerate() {
        let request = command(&format!("c{ix}"), "alice", action.clone());
        let before = store.usage();
        assert_eq!(rule(store, &request, decision.clone()).await, CommandCommit::Applied, "{action:?}");
        // The command, and its account if that changes: two units each.
        let changes = matches!(&decision, Ok(change) if *change != AccountChange::Nothing);
        let units = store.usage().write_milliunits - before.write_milliunits;
        assert_eq!(units, if changes { 4_000 } else { 2_000 }, "{action:?}");
        expected = match &decision {
            Ok(change) => change.applied_to(expected),
            Err(_) => expected,
        };
        assert_eq!(store.account(&id("alice")).await, Ok(expected.clone().map(plain)), "{action:?}");
        let decision = decision.map(|_| ());
        assert_eq!(store.command(&request.command.id).await, Ok(Some(recorded(&request, decision))), "{action:?}");
    }
    assert_eq!(store.command(&CommandId::try_new("c99").unwrap()).await, Ok(None));
}

async fn each_condition_of_a_command_stops_all_of_it(store: &impl Store) {
    use AccountStatus::{Closed, Frozen, Open};
    let to = |account, to| AccountChange::Limit { account, to, lanes: Vec::new() };
    let is = |status| account("x", -10).status(status);
    let limit = |status, limit| to(is(status), OverdraftLimit::Limited(limit));
    let ann = Principal::try_new("ann").ok();
    let cases = [
        ("exists", is(Open), AccountChange::Open(account("x", 0))),
        ("status", is(Frozen), status(Open, Frozen, None)),
        ("owner's status", is(Frozen), AccountChange::Owner { from: Open, to: ann.clone() }),
        ("no owner's status", is(Closed), AccountChange::Owner { from: Open, to: None }),
        ("pause's status", is(Frozen), AccountChange::Pause(Timestamp::EPOCH)),
        ("status and balance", is(Frozen), status(Open, Closed, Some(-10))),
        ("balance above", is(Open), status(Open, Closed, Some(-11))),
        ("balance below", is(Open), status(Open, Closed, Some(0))),
        ("limit", is(Open), limit(Open, 9)),
        ("limit's status", is(Closed), limit(Open, 10)),
        ("no limit's status", is(Closed), to(is(Open), OverdraftLimit::Unlimited)),
        ("another limit", is(Open).limit(20), limit(Open, 15)),
        ("no limit any more", is(Open).unlimited(), limit(Open, 15)),
        ("a first limit", is(Open), to(is(Open).unlimited(), OverdraftLimit::Limited(15))),
        ("limit's lanes", is(Open), to(is(Open).lanes(1), OverdraftLimit::Limited(15))),
    ];
    for (ix, (what, account, change)) in cases.into_iter().enumerate() {
        // Each case has an account of its own.
        let name = format!("x{ix}");
        let account = Account { id: id(&name), ..account };
        open(store, std::slice::from_ref(&account)).await;
        let change = match change {
            AccountChange::Open(opened) => AccountChange::Open(Account { id: id(&name), ..opened }),
            other @ (AccountChange::Nothing
            | AccountChange::Pause(_)
            | AccountChange::Status { .. }
            | AccountChange::Limit { .. }
            | AccountChange::Limits { .. }
            | AccountChange::Owner { .. }
            | AccountChange::Lanes { .. }) => other,
        };
        let request = command(&format!("c{ix}"), &name, Action::Close);
        let expected =
            CancelledCommand { account: Some(AccountRead::Found(account.clone())), ..CancelledCommand::default() };
        assert_eq!(rule(store, &request, Ok(change.clone())).await, CommandCommit::Cancelled(expected), "{what}");
        assert_eq!(store.command(&request.command.id).await, Ok(None), "{what}: no record");
        assert_eq!(store.account(&account.id).await, Ok(Some(plain(account))), "{what}: no change");
        if !matches!(change, AccountChange::Open(_)) {
            let request = command(&format!("c{ix}"), "nobody", Action::Close);
            let expected = CancelledCommand { account: Some(AccountRead::Missing), ..CancelledCommand::default() };
            assert_eq!(rule(store, &request, Ok(change)).await, CommandCommit::Cancelled(expected), "{what}: missing");
        }
    }
    // At their edge they hold.
    open(store, &[account("edge", -10)]).await;
    assert_eq!(rule(store, &command("e1", "edge", Action::Close), Ok(limit(Open, 10))).await, CommandCommit::Applied);
    let close = Ok(status(Open, Closed, Some(-10)));
    assert_eq!(rule(store, &command("e2", "edge", Action::Close), close).await, CommandCommit::Applied);
}

async fn a_command_that_is_there_comes_back(store: &impl Store) {
    use AccountStatus::{Frozen, Open};
    open(store, &[account("alice", 10)]).await;
    let first = command("c1", "alice", Action::Freeze);
    assert_eq!(rule(store, &first, Ok(status(Open, Frozen, None))).await, CommandCommit::Applied);
    let alice = store.account(&id("alice")).await.unwrap().unwrap().account;
    // Alone, and beside a condition that fails.
    let other = CommandRequest { source: source(43), ..command("c1", "alice", Action::Unfreeze) };
    let duplicate = Some(Ok(recorded(&first, Ok(()))));
    let expected = CancelledCommand { duplicate, ..CancelledCommand::default() };
    let back = Ok(status(Frozen, Open, None));
    assert_eq!(rule(store, &other, back).await, CommandCommit::Cancelled(expected.clone()));
    let expected = CancelledCommand { account: Some(AccountRead::Found(alice.clone())), ..expected };
    let again = Ok(status(Open, Frozen, None));
    assert_eq!(rule(store, &first, again).await, CommandCommit::Cancelled(expected));
    assert_eq!(store.account(&id("alice")).await, Ok(Some(plain(alice))));
}

async fn commands_come_in_the_order_of_their_answers(store: &impl Store) {
    for (name, at, offset) in [("b", 2, 3), ("c", 1, 3), ("a", 2, 2)] {
        let request = CommandRequest { source: source(offset), ..command(name, "nobody", Action::Close) };
        let decided_at = Timestamp::try_from_millis(at).unwrap();
        let decided = DecidedCommand { request: &request, decision: Err(Refusal::AccountNotFound), decided_at };
        let steps = decided.steps();
        assert_eq!((steps.len(), store.commit_command(&steps[0]).await), (1, Ok(CommandCommit::Applied)));
    }
    let commands = store.commands().await.unwrap();
    assert_eq!(commands.iter().map(|recorded| recorded.command.id.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
}
