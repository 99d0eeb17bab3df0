//! What: Tells how far the scheduled audit has come: how many accounts it has proved, and how old its oldest proof is.
//!
//! Data: Takes a store. Gives the numbers as JSON, or `unread` with the reason if a busy store didn't answer.
//!
//! Invariants: Many pages that ask at once read the tables once. While an audit runs from here, they don't slow it down
//! by reads of their own.
//!
//! Limits: An answer may be [`REMEMBERED`] old, and [`WHILE_BUSY`] while an audit runs. If a table has more than
//! [`PAGES_MAX`] pages, its numbers are null.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::accounts;
use crate::again::again;
use giro::domain::audit::Seen;
use giro::domain::{AccountId, Holding};
use giro::handlers::clock;
use giro::store::{Checkpoints, Read, ScannedHead, Segment, StoreError, TableScan};

/// How long an answer is remembered.
const REMEMBERED: Duration = Duration::from_secs(5);

/// How long it is remembered while an audit runs, which reads the same tables.
const WHILE_BUSY: Duration = Duration::from_secs(60);

/// How long a read may take, with all tries.
const PATIENCE: Duration = Duration::from_secs(15);

/// How many pages of a table are read, each of at most 1,000 items.
const PAGES_MAX: usize = 300;

const WHOLE: Segment = Segment { number: 0, of: 1 };

/// What was read a moment ago.
#[derive(Debug, Default)]
pub(super) struct Proofs(Mutex<Option<(Instant, Value)>>);

impl Proofs {
    /// What `read` gives, now or a moment ago. A store that is busy is told beside what was read before.
    ///
    /// # Errors
    /// [`StoreError`] of `read`, if it won't pass.
    pub(super) async fn told(
        &self,
        is_busy: bool,
        read: impl Future<Output = Result<Value, StoreError>>,
    ) -> Result<Value, StoreError> {
        // Whoever comes meanwhile waits, and gets the same.
        let mut known = self.0.lock().await;
        let fresh = if is_busy { WHILE_BUSY } else { REMEMBERED };
        if let Some((_, told)) = known.as_ref().filter(|(read_at, _)| read_at.elapsed() < fresh) {
            return Ok(told.clone());
        }
        let told = match read.await {
            Ok(told) => told,
            // A stack that was deployed without these tables has proved nothing.
            Err(StoreError::NoTable(_)) => json!({}),
            Err(error) if error.passes() => {
                let mut told = known.take().map_or_else(|| json!({}), |(_, told)| told);
                told["unread"] = json!(format!("DynamoDB: {error}"));
                told
            }
            Err(error) => return Err(error),
        };
        *known = Some((Instant::now(), told.clone()));
        Ok(told)
    }
}

/// How far the scheduled audit has come. An account is behind if it holds something else than its head has seen.
///
/// # Errors
/// [`StoreError`] if the store didn't answer in time, or refuses.
pub(super) async fn proved(store: &(impl TableScan + Checkpoints)) -> Result<Value, StoreError> {
    let now = Instant::now();
    let deadline = now.checked_add(PATIENCE).unwrap_or(now);
    let (heads, unreadable_heads) = heads(store, deadline).await?;
    let read = accounts::read(store, PAGES_MAX, deadline).await?;
    let accounts = read.is_whole.then_some(&read.held);
    let oldest = match again(deadline, || store.run()).await? {
        Read::Found(run) => run.proved_at.map(|at| clock::now().millis().saturating_sub(at.millis()) / 1_000),
        Read::Missing | Read::Corrupt(_) | Read::Unread => None,
    };
    let proved = heads.as_ref().zip(accounts).map(|(heads, accounts)| {
        let is_proved = |held: &&Holding| heads.get(&held.account.id) == Some(&Seen::of(held));
        accounts.values().filter(is_proved).count()
    });
    let accounts = accounts.map(BTreeMap::len);
    Ok(json!({
        "accounts": accounts,
        "proved": proved,
        "behind": accounts.zip(proved).map(|(accounts, proved)| accounts.saturating_sub(proved)),
        "unreadable": unreadable_heads.saturating_add(read.unreadable),
        "oldest_proof_s": oldest,
    }))
}

/// What each account was when it was proved, if all were read, and how many can't be read.
async fn heads(
    store: &impl Checkpoints,
    deadline: Instant,
) -> Result<(Option<BTreeMap<AccountId, Seen>>, u64), StoreError> {
    let (mut heads, mut unreadable, mut mark) = (BTreeMap::new(), 0_u64, None);
    for _ in 0..PAGES_MAX {
        let page = again(deadline, || store.heads(WHOLE, mark.clone())).await?;
        for head in page.items {
            match head {
                ScannedHead::Head(head) => drop(heads.insert(head.checkpoint.account.clone(), head.seen)),
                ScannedHead::Unreadable { .. } => unreadable = unreadable.saturating_add(1),
            }
        }
        mark = page.next;
        if mark.is_none() {
            return Ok((Some(heads), unreadable));
        }
    }
    Ok((None, unreadable))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use giro_testkit::given::{Setters as _, account};
    use giro_testkit::memory_store::MemoryStore;
    use giro_testkit::open_accounts::OpenAccounts as _;

    use super::*;

    fn busy() -> StoreError {
        StoreError::Unavailable("no answer in time".into())
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_remembered_and_longer_while_an_audit_runs() {
        let (proofs, reads) = (Proofs::default(), AtomicU32::new(0));
        let read = || async { Ok(json!({ "read": reads.fetch_add(1, Ordering::Relaxed) })) };
        for (after_s, is_busy, expected) in
            [(0, false, 0), (4, false, 0), (2, false, 1), (30, true, 1), (29, true, 1), (2, true, 2), (6, false, 3)]
        {
            tokio::time::advance(Duration::from_secs(after_s)).await;
            let told = proofs.told(is_busy, read()).await.unwrap();
            assert_eq!(told["read"], json!(expected), "{after_s} s later, {is_busy}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_busy_store_is_told_beside_what_was_read_before() {
        let proofs = Proofs::default();
        let told = proofs.told(false, async { Err(busy()) }).await.unwrap();
        assert!(told["unread"].as_str().unwrap().contains("no answer in time"), "{told}");
        tokio::time::advance(REMEMBERED).await;
        assert_eq!(proofs.told(false, async { Ok(json!({ "proved": 7 })) }).await.unwrap(), json!({ "proved": 7 }));
        tokio::time::advance(REMEMBERED).await;
        let told = proofs.told(false, async { Err(busy()) }).await.unwrap();
        assert!(told["proved"] == json!(7) && told["unread"].is_string(), "{told}");
        tokio::time::advance(REMEMBERED).await;
        let no_table = async { Err(StoreError::NoTable("audit-heads".into())) };
        assert_eq!(proofs.told(false, no_table).await.unwrap(), json!({}));
        tokio::time::advance(REMEMBERED).await;
        assert!(proofs.told(false, async { Err(StoreError::Corrupt("x".into())) }).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn accounts_without_a_proof_are_behind() {
        let store = MemoryStore::new();
        for account in [account("alice"), account("bob").lanes(2)] {
            store.open_account(&account).await.unwrap();
        }
        let told = proved(&store).await.unwrap();
        assert_eq!((&told["accounts"], &told["proved"], &told["behind"]), (&json!(2), &json!(0), &json!(2)), "{told}");
        assert_eq!((&told["unreadable"], &told["oldest_proof_s"]), (&json!(0), &Value::Null), "{told}");
    }
}
