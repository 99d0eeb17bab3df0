//! Copies of whole tables, torn as a restore to a point in time may tear them.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::Client;
use giro::store::Tables;
use giro::store::items::{Item, legs};
use giro_testkit::tables::{self, by_variable};

/// The items of each table by their keys. Tables are named by their variables.
pub(super) type Copied = BTreeMap<&'static str, BTreeMap<String, Item>>;

const PAYMENTS: &str = "PAYMENTS_TABLE";
const KEYS: [&str; 5] = ["account_id", "payment_id", "command_id", "source", "part"];

fn key(item: &Item) -> String {
    KEYS.iter().filter_map(|name| item.get(*name)).map(|value| format!("{value:?} ")).collect()
}

/// The text of a payment's key, or of a leg's.
fn id(item: &Item) -> &str {
    item["payment_id"].as_s().unwrap()
}

/// Reads all tables. Each page is of a moment of its own.
pub(super) async fn copied(client: &Client, tables: &Tables) -> Copied {
    let mut copy = Copied::new();
    for (variable, table) in by_variable(tables) {
        let mut from = None;
        loop {
            let page = client.scan().table_name(table).consistent_read(true).set_exclusive_start_key(from);
            let page = page.send().await.unwrap();
            let items = page.items.unwrap_or_default().into_iter().map(|item| (key(&item), item));
            copy.entry(variable).or_default().extend(items);
            from = page.last_evaluated_key.filter(|key| !key.is_empty());
            if from.is_none() {
                break;
            }
        }
    }
    copy
}

/// Makes tables of these names that hold this.
pub(super) async fn written(client: &Client, names: &Tables, copy: &Copied) {
    tables::create(client, names, false).await.unwrap();
    for (variable, table) in by_variable(names) {
        for item in copy[variable].values() {
            client.put_item().table_name(table).set_item(Some(item.clone())).send().await.unwrap();
        }
    }
}

/// Each item as it was at some of these moments, or missing if it wasn't there yet.
pub(super) fn torn(moments: &[Copied], random: &mut fastrand::Rng) -> Copied {
    let newest = moments.last().unwrap();
    let mut torn = Copied::new();
    for (table, items) in newest {
        let at =
            |key: &String| moments[random.usize(..moments.len())][table].get(key).map(|it| (key.clone(), it.clone()));
        torn.insert(table, items.keys().filter_map(at).collect());
    }
    torn
}

/// The ids of payments.
pub(super) fn payments(copy: &Copied) -> BTreeSet<String> {
    copy[PAYMENTS].values().filter(|item| !legs::is_leg(item)).map(|item| id(item).to_owned()).collect()
}

/// How many items of further legs have lost their payment.
pub(super) fn stray_legs(copy: &Copied) -> usize {
    let payments = payments(copy);
    let legs = copy[PAYMENTS].values().filter(|item| legs::is_leg(item));
    legs.filter(|item| !payments.contains(id(item).split('/').next().unwrap())).count()
}

/// The same without the items of legs that have lost their payment, beside which it could not be settled again.
pub(super) fn without_stray_legs(copy: &Copied) -> Copied {
    let (payments, mut copy) = (payments(copy), copy.clone());
    let is_stray = |item: &Item| legs::is_leg(item) && !payments.contains(id(item).split('/').next().unwrap());
    copy.get_mut(PAYMENTS).unwrap().retain(|_, item| !is_stray(item));
    copy
}

/// The names of tables behind a prefix.
pub(super) fn prefixed(prefix: &str) -> Tables {
    let usual = Tables::default();
    let name = |name: String| format!("{prefix}{name}");
    Tables {
        accounts: name(usual.accounts),
        payments: name(usual.payments),
        refunds: name(usual.refunds),
        dead_letters: name(usual.dead_letters),
        account_commands: name(usual.account_commands),
        checkpoints: name(usual.checkpoints),
        audit_heads: name(usual.audit_heads),
    }
}
