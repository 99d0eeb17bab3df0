//! What: The item of the newest run of the scheduled audit. It is in the table `checkpoints`, under a key that no
//! account has.

use super::checkpoint::{AS_OF, KEY};
use super::{Item, optional_parsed, parsed, s};
use crate::domain::Timestamp;
use crate::domain::audit::AuditRun;

/// The condition under which it may be written: no newer run is there.
pub const IS_NOT_OLDER: &str = "attribute_not_exists(account_id) OR began_at <= :began_at";

/// The key of the newest run.
#[must_use]
pub fn key() -> Item {
    Item::from([(KEY.into(), s("/run")), (AS_OF.into(), s("head"))])
}

/// Writes a run.
#[must_use]
pub fn encode(run: &AuditRun) -> Item {
    let mut item = key();
    item.insert("closed_at".into(), s(run.closed));
    item.insert("began_at".into(), s(run.began_at));
    item.extend(run.finished_at.map(|at| ("finished_at".into(), s(at))));
    item.extend(run.proved_at.map(|at| ("proved_at".into(), s(at))));
    item
}

/// Reads a run.
///
/// # Errors
/// The attribute that is wrong, and what was expected.
pub fn decode(item: &Item) -> Result<AuditRun, String> {
    Ok(AuditRun {
        closed: parsed(item, "closed_at", Timestamp::parse)?,
        began_at: parsed(item, "began_at", Timestamp::parse)?,
        finished_at: optional_parsed(item, "finished_at", Timestamp::parse)?,
        proved_at: optional_parsed(item, "proved_at", Timestamp::parse)?,
    })
}
