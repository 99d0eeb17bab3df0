//! What: The text language of tests: a ledger, requests to it, and what must come of them.
//!
//! ```text
//! # what this line says is for people
//!
//! account  ID CURRENCY BALANCE [limit N | unlimited] [STATUS] [lanes LANE,LANE,…]
//!
//! pay                  PAYMENT_ID DEBTOR CREDITOR CURRENCY AMOUNT   -> settled | declined REASON | replayed
//!                                                                      | dead-letter payment_id_reused
//! refund               REFUND_ID ORIGINAL DEBTOR AMOUNT | all           the same; an ORIGINAL may be PAYMENT_ID/LEG
//! legs                 PAYMENT_ID DEBTOR LEG LEG …                      the same; a decline also tells its leg: leg N
//! open                 COMMAND_ID ACCOUNT CURRENCY LIMIT [LANES] [owner PRINCIPAL]
//!                                                                   -> applied | refused REASON | replayed
//! freeze               COMMAND_ID ACCOUNT                              | dead-letter command_id_reused
//! unfreeze             COMMAND_ID ACCOUNT
//! close                COMMAND_ID ACCOUNT
//! set_overdraft_limit  COMMAND_ID ACCOUNT LIMIT
//! add_lanes            COMMAND_ID ACCOUNT LANES
//! set_limits           COMMAND_ID ACCOUNT [payment N] [balance N] [PERIOD N|- N|-]…
//! set_owner            COMMAND_ID ACCOUNT PRINCIPAL|none
//!
//! clock    TIME                                what the clock says from here on
//!
//! before   CALL NTH ITEM UNITS ITEM UNITS …    what somebody else adds meanwhile
//!
//! balances ID BALANCE ID BALANCE …             main item and lanes together
//! after    ID CURRENCY BALANCE LIMIT STATUS vVERSION | ID missing
//! lanes    ID STATUS BALANCE vVERSION …
//! limits   ID vVERSION [payment N] [balance N] [PERIOD N|- N|- (TIME N N | unused)]…
//! owner    ID PRINCIPAL|none
//! refunded ORIGINAL UNITS ORIGINAL UNITS …     the sums of refunds
//! calls    CALL CALL …                         every call of the port, if all is asked for in one batch
//! ```
//!
//! - A `LANE` is what it holds; `frozen:7` is of another status than its account, `98x0` is 98 of them.
//! - A `LEG` is `DEBTOR CREDITOR CURRENCY AMOUNT`.
//! - A `LIMIT` is a number or `unlimited`; `LANES` is how many.
//! - A `CALL` is a word of [`Call`]. An `ITEM` is a main item (`shop`) or a lane (`shop/0`), and marked by `~` if its
//!   transaction is still in flight ([`Write::in_flight`]).
//!
//! Everything is asked for twice: with one request in a batch, and with all following requests of one kind in a batch.
//! So no rule depends on how Kafka cuts the records. If somebody else writes meanwhile, it is only one batch, because
//! calls are counted.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod limits;

use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::{Action, Policy, Terms};
use giro::domain::{
    Account, AccountId, AccountStatus, Balance, CommandRequest, CreditLanes, Decline, Holding, Lane, LegId,
    OverdraftLimit, Payment, PaymentId, Principal, Refund, Refusal, Request, Timestamp,
};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::LedgerQueries;
use tokio::time::Instant;

use crate::given::{self, Placed as _, Setters as _};
use crate::hooked::Hooked;
use crate::meddled::{Call, Meddled, Meddling, Write};
use crate::memory_store::MemoryStore;

/// Checks a scenario. Returns the ledger as it is after all was asked for in one batch.
///
/// # Panics
/// If it doesn't, or if the text isn't understood.
pub fn check(text: &str) -> MemoryStore {
    let scenario = Scenario::parse(text);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    if scenario.meddling.is_empty() && scenario.calls.is_none() {
        runtime.block_on(scenario.check(1, &format!("one by one:\n{text}")));
    }
    runtime.block_on(scenario.check(usize::MAX, &format!("in one batch:\n{text}")))
}

/// The ledger that a text opens.
///
/// # Panics
/// If the text isn't understood.
#[must_use]
pub fn ledger(text: &str) -> MemoryStore {
    Scenario::parse(text).ledger()
}

/// What a text says of an account.
type Told = fn(Option<&Holding>) -> String;

#[derive(Debug, Default)]
struct Scenario {
    holdings: Vec<Holding>,
    asked: Vec<Asked>,
    /// By request: what the clock says when it is asked for.
    clocks: Vec<Timestamp>,
    clock: Option<Timestamp>,
    /// How each of them must end.
    expected: Vec<String>,
    meddling: Vec<Meddling>,
    /// What must be true of an account afterwards, as text.
    after: Vec<(AccountId, Told, String)>,
    calls: Option<Vec<Call>>,
    /// The sums of refunds afterwards, by original.
    refunded: Vec<String>,
}

#[derive(Debug, Clone)]
enum Asked {
    Payment(Request),
    Command(CommandRequest),
}

impl Scenario {
    fn parse(text: &str) -> Self {
        let mut scenario = Self::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (left, end) = line.split_once("->").unwrap_or((line, ""));
            let end = end.split_whitespace().collect::<Vec<_>>().join(" ");
            scenario.read(&left.split_whitespace().collect::<Vec<_>>(), end);
        }
        scenario
    }

    fn read(&mut self, words: &[&str], end: String) {
        match words {
            ["account", id, currency, balance, terms @ ..] => {
                let account = given::account(id).currency(given::currency(currency)).holding(balance.parse().unwrap());
                self.holdings.push(holding(account, terms));
            }
            ["before", call, nth, writes @ ..] => {
                let (call, nth, writes) = (self::call(call), nth.parse().unwrap(), pairs(writes).map(write).collect());
                self.meddling.push(Meddling { call, nth, writes });
            }
            ["balances", balances @ ..] => {
                let in_all: Told = in_all;
                self.after.extend(pairs(balances).map(|(id, balance)| (given::id(id), in_all, balance.to_owned())));
            }
            ["after", id, rest @ ..] => self.after.push((given::id(id), main_item, rest.join(" "))),
            ["lanes", id, rest @ ..] => self.after.push((given::id(id), lanes, rest.join(" "))),
            ["owner", id, owner] => self.after.push((given::id(id), owner_of, (*owner).into())),
            ["limits", id, rest @ ..] => self.after.push((given::id(id), limits::told, rest.join(" "))),
            ["clock", time] => self.clock = Some(Timestamp::parse(time).unwrap()),
            ["calls", calls @ ..] => self.calls = Some(calls.iter().map(|word| call(word)).collect()),
            ["pay", id, debtor, creditor, currency, amount] => {
                let payment = given::payment(id, debtor, creditor, amount.parse().unwrap());
                let payment = Payment { currency: given::currency(currency), ..payment };
                self.ask(|offset| Asked::Payment(payment.at(0, offset)), end);
            }
            ["refunded", sums @ ..] => self.refunded = pairs(sums).map(|(id, sum)| format!("{id} {sum}")).collect(),
            ["legs", id, debtor, legs @ ..] => {
                let payment = given::legged(id, debtor, &legs.chunks(4).map(leg).collect::<Vec<_>>());
                self.ask(|offset| Asked::Payment(payment.at(0, offset)), end);
            }
            ["refund", id, original, debtor, amount] => {
                let amount = (*amount != "all").then(|| amount.parse().unwrap());
                let original: LegId = original.parse().unwrap();
                let refund = given::refund(id, original.payment.as_str(), debtor, amount);
                let refund = Refund { leg: original.leg, ..refund };
                self.ask(|offset| Asked::Payment(refund.at(0, offset)), end);
            }
            [word, id, account, parameters @ ..] => {
                let command = given::command(id, account, action(word, parameters));
                self.ask(|offset| Asked::Command(command.at(0, offset)), end);
            }
            _ => panic!("not understood: {words:?}"),
        }
    }

    fn ask(&mut self, at: impl FnOnce(i64) -> Asked, end: String) {
        self.asked.push(at(self.asked.len().try_into().unwrap()));
        self.expected.push(end);
        self.clocks.push(self.clock.unwrap_or(Timestamp::EPOCH));
    }

    fn ledger(&self) -> MemoryStore {
        let store = MemoryStore::new();
        for Holding { account, lanes } in &self.holdings {
            store.insert_account(account.clone());
            lanes.iter().for_each(|lane| store.insert_lane(lane.clone()));
        }
        store
    }

    /// Asks for this many in a batch, and checks what comes of it.
    async fn check(&self, a_batch: usize, how: &str) -> MemoryStore {
        let store = self.ledger();
        let ledger = Meddled::ledger(&store, &self.meddling);
        let mut ends = Vec::new();
        let asked: Vec<(&Asked, Timestamp)> = self.asked.iter().zip(self.clocks.iter().copied()).collect();
        let alike = |one: &(&Asked, Timestamp), other: &(&Asked, Timestamp)| one.0.is_like(other.0) && one.1 == other.1;
        for batch in asked.chunk_by(alike).flat_map(|alike| alike.chunks(a_batch)) {
            ends.extend(ask(&ledger, &store, batch).await);
        }
        assert_eq!(ends, self.expected, "{how}\ncalls: {:?}", ledger.hooks.calls());
        assert_eq!(ledger.hooks.left(), 0, "not every moment came, {how}\ncalls: {:?}", ledger.hooks.calls());
        if let Some(calls) = &self.calls {
            assert_eq!(ledger.hooks.calls(), *calls, "{how}");
        }
        for (id, shown, expected) in &self.after {
            assert_eq!(shown(store.account(id).await.unwrap().as_ref()), *expected, "{id} {how}");
        }
        if !self.refunded.is_empty() {
            let sums = store.refunds().await.unwrap().into_iter().map(|(id, sum)| format!("{id} {sum}"));
            assert_eq!(sums.collect::<Vec<_>>(), self.refunded, "refunds, {how}");
        }
        let nets = self.meddling.iter().flat_map(|meddling| &meddling.writes).map(|write| i128::from(write.net));
        let before: i128 = self.holdings.iter().map(Holding::balance).chain(nets).sum();
        let now: i128 = store.accounts().await.unwrap().iter().map(Holding::balance).sum();
        assert_eq!(now, before, "money is neither made nor lost, {how}");
        store
    }
}

impl Asked {
    fn is_like(&self, other: &Self) -> bool {
        matches!(self, Self::Payment(_)) == matches!(other, Self::Payment(_))
    }
}

/// Asks for a batch, all of one kind. Gives the disposition of each.
async fn ask(ledger: &Hooked<Meddled>, store: &MemoryStore, asked: &[(&Asked, Timestamp)]) -> Vec<String> {
    let (mut payments, mut commands) = (Vec::new(), Vec::new());
    let clock = asked.first().map_or(Timestamp::EPOCH, |(_, clock)| *clock);
    for (one, _) in asked {
        match (*one).clone() {
            Asked::Payment(request) => payments.push(request),
            Asked::Command(request) => commands.push(request),
        }
    }
    let until = Instant::now().checked_add(Duration::from_secs(10)).unwrap();
    let (now, backoff) = (|| clock, || Backoff::with_seed(1));
    if commands.is_empty() {
        let ids: Vec<PaymentId> = payments.iter().map(|request| request.instruction.id().clone()).collect();
        let settled = settle_requests(ledger, payments, 1, until, now, backoff()).await;
        let mut ends = Vec::new();
        for (id, end) in ids.iter().zip(&settled.dispositions) {
            let recorded = store.payment(id).await.unwrap().filter(|_| matches!(end, Disposition::Decided(_)));
            let leg = recorded.and_then(|recorded| recorded.outcome.declined_leg);
            let leg = leg.map(|leg| format!(" leg {leg}")).unwrap_or_default();
            ends.push(told(end, "settled", "declined", "payment_id_reused") + &leg);
        }
        ends
    } else {
        let applied =
            apply(ledger, &commands, Policy { accepts_limits: true, ..Policy::default() }, until, now, backoff).await;
        applied.dispositions.iter().map(|end| told(end, "applied", "refused", "command_id_reused")).collect()
    }
}

/// A reason, and the period that it names.
trait Reason {
    fn period(&self) -> String;
}

impl Reason for Decline {
    fn period(&self) -> String {
        Self::period(*self).map_or(String::new(), |period| format!(" {period}"))
    }
}

impl Reason for Refusal {
    fn period(&self) -> String {
        String::new()
    }
}

fn told<E: std::fmt::Display + Reason>(end: &Disposition<Result<(), E>>, yes: &str, no: &str, reused: &str) -> String {
    match end {
        Disposition::Decided(Ok(())) => yes.into(),
        Disposition::Decided(Err(reason)) => format!("{no} {reason}{}", reason.period()),
        Disposition::Replayed => "replayed".into(),
        Disposition::IdReused => format!("dead-letter {reused}"),
        Disposition::Unfinished => "unfinished".into(),
    }
}

fn pairs<'w>(words: &'w [&'w str]) -> impl Iterator<Item = (&'w str, &'w str)> {
    words.chunks(2).map(move |pair| match pair {
        [one, other] => (*one, *other),
        _ => panic!("expected pairs: {words:?}"),
    })
}

fn holding(mut account: Account, terms: &[&str]) -> Holding {
    let mut terms = terms.iter();
    let mut held = Vec::new();
    while let Some(term) = terms.next() {
        account = match *term {
            "limit" => account.limit(terms.next().unwrap().parse().unwrap()),
            "unlimited" => account.unlimited(),
            "pays" => Account { lane_debits: true, ..account },
            "lanes" => {
                held = terms.next().unwrap().split(',').flat_map(several).collect();
                account.lanes(held.len().try_into().unwrap())
            }
            status => account.status(AccountStatus::from_name(status).unwrap()),
        };
    }
    let lane = |(number, (status, balance)): (u16, (Option<AccountStatus>, _))| {
        let lane = Lane::new(&account, number);
        Lane { status: status.unwrap_or(lane.status), balance: Balance::new(balance), ..lane }
    };
    let lanes = (0..).zip(held).map(lane).collect();
    Holding { account, lanes }
}

/// Reads `98x0`, `frozen:7` or `7` as lanes: the status, if it isn't the account's, and the balances.
fn several(word: &str) -> Vec<(Option<AccountStatus>, i64)> {
    let (count, one) = word.split_once('x').map_or((1, word), |(count, one)| (count.parse().unwrap(), one));
    let (status, balance) = one.split_once(':').map_or((None, one), |(status, balance)| (Some(status), balance));
    let status = status.map(|status| AccountStatus::from_name(status).unwrap());
    vec![(status, balance.parse().unwrap()); count]
}

/// Reads a leg: `debtor creditor EUR 5`.
fn leg<'w>(words: &'w [&'w str]) -> (&'w str, &'w str, &'w str, u64) {
    match words {
        [debtor, creditor, currency, amount] => (debtor, creditor, currency, amount.parse().unwrap()),
        _ => panic!("expected a leg: {words:?}"),
    }
}

fn limit(word: &str) -> OverdraftLimit {
    match word {
        "unlimited" => OverdraftLimit::Unlimited,
        limit => OverdraftLimit::Limited(limit.parse().unwrap()),
    }
}

fn terms(words: &[&str]) -> Terms {
    let [currency, limit, lanes @ ..] = words else { panic!("expected a currency and a limit: {words:?}") };
    Terms {
        currency: given::currency(currency),
        overdraft_limit: self::limit(limit),
        credit_lanes: lanes.first().map_or(CreditLanes::NONE, |lanes| lanes.parse().unwrap()),
        owner: None,
    }
}

fn action(word: &str, parameters: &[&str]) -> Action {
    match (word, parameters) {
        ("open", [terms @ .., "owner", owner]) => {
            Action::Open(Terms { owner: Principal::try_new(owner).ok(), ..self::terms(terms) })
        }
        ("open", terms) => Action::Open(self::terms(terms)),
        ("set_owner", [owner]) => Action::SetOwner(Principal::try_new(owner).ok()),
        ("add_lanes", [lanes]) => Action::AddLanes(lanes.parse().unwrap()),
        ("set_overdraft_limit", [limit]) => Action::SetOverdraftLimit(self::limit(limit)),
        ("set_limits", words) => Action::SetLimits(limits::asked(words)),
        ("freeze", []) => Action::Freeze,
        ("unfreeze", []) => Action::Unfreeze,
        ("close", []) => Action::Close,
        _ => panic!("not understood: {word} {parameters:?}"),
    }
}

fn call(word: &str) -> Call {
    Call::ALL.into_iter().find(|(_, its)| *its == word).unwrap().0
}

fn write((item, units): (&str, &str)) -> Write {
    let written = item.trim_start_matches('~');
    let update = given::update(written, units.parse().unwrap());
    Write { account: update.account, lane: update.lane, net: units.parse().unwrap(), in_flight: item != written }
}

fn owner_of(held: Option<&Holding>) -> String {
    held.and_then(|held| held.account.owner.as_ref()).map_or("none".into(), ToString::to_string)
}

fn in_all(held: Option<&Holding>) -> String {
    held.map_or("missing".into(), |held| held.balance().to_string())
}

fn main_item(held: Option<&Holding>) -> String {
    held.map_or("missing".into(), |Holding { account, .. }| {
        let limit = match account.overdraft_limit {
            OverdraftLimit::Limited(limit) => limit.to_string(),
            OverdraftLimit::Unlimited => "unlimited".into(),
        };
        let Account { currency, balance, status, version, .. } = account;
        format!("{currency} {balance} {limit} {status} v{version}")
    })
}

fn lanes(held: Option<&Holding>) -> String {
    let lanes = held.map_or(&[][..], |held| &held.lanes);
    let limited = |lane: &Lane| [("limited ", lane.is_limited), ("shut ", lane.is_shut)];
    let limited =
        |lane: &Lane| limited(lane).into_iter().filter_map(|(word, is)| is.then_some(word)).collect::<String>();
    let shown = |lane: &Lane| format!("{}{} {} v{}", limited(lane), lane.status, lane.balance, lane.version);
    lanes.iter().map(shown).collect::<Vec<_>>().join(" ")
}
