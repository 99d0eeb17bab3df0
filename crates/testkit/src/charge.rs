//! What: What DynamoDB charges for a payment's item, by its size.
//!
//! Data: Takes an entry of a transaction. Gives the kilobytes begun, each of which is charged whole.
//!
//! Most payments take one. The lengths of their texts show that, so the item needn't be encoded. A run on the model of
//! DynamoDB writes a million payments, and encoding took two fifths of its time.

use giro::domain::plan::Entry;
use giro::store::items;

/// What a payment's item takes beside its texts, at most: names, numbers, times and the fingerprint.
const BESIDE_TEXTS_MAX: usize = 480;

/// The kilobytes of a payment's item.
#[must_use]
pub fn payment_kilobytes(entry: &Entry<'_>) -> u64 {
    let is_legged = !entry.request.instruction.legs().is_empty();
    if !is_legged && texts(entry).saturating_add(BESIDE_TEXTS_MAX) <= 1_024 {
        return 1;
    }
    kilobytes(items::size(&items::payment::encode(entry)))
}

/// The kilobytes of the items of its further legs.
pub fn leg_kilobytes(entry: &Entry<'_>) -> impl Iterator<Item = u64> {
    items::legs::further(entry).into_iter().map(|item| kilobytes(items::size(&item)))
}

/// The lengths of the texts that clients choose, as often as the item holds them.
fn texts(entry: &Entry<'_>) -> usize {
    let (instruction, source) = (&entry.request.instruction, &entry.request.source);
    let account = |id: &giro::domain::AccountId| id.as_str().len().saturating_mul(2);
    let creditor = entry.transfer().map_or(0, |transfer| account(transfer.creditor));
    instruction
        .id()
        .as_str()
        .len()
        .saturating_add(account(instruction.debtor()))
        .saturating_add(creditor)
        .saturating_add(instruction.original().map_or(0, |original| original.as_str().len()))
        .saturating_add(instruction.reference().map_or(0, str::len))
        .saturating_add(source.topic.len())
}

pub(crate) fn kilobytes(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(1024)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::given::{self, Placed as _};
    use giro::domain::plan::StatementLanes;
    use giro::domain::{Decline, Request, Timestamp};

    #[test]
    fn a_kilobyte_begun_is_charged_whole() {
        let charged = [0, 1, 1_024, 1_025, 307_200].map(kilobytes);
        assert_eq!(charged, [0, 1, 1, 2, 300]);
    }

    /// Everything that an item may hold beside texts is in these.
    fn request(id: &str, reference: &str) -> Request {
        let mut payment = given::payment(id, &"d".repeat(64), &"c".repeat(64), giro::domain::money::AMOUNT_MAX);
        payment.reference = Some(reference.into());
        payment.requested_at = Some(Timestamp::EPOCH);
        payment.at(i32::MAX, i64::MAX)
    }

    #[test]
    fn what_is_told_from_lengths_is_what_the_item_takes() {
        for length in 0..=64 {
            let request = request(&"p".repeat(64), &"é".repeat(length));
            let entry = Entry {
                lanes: StatementLanes { debtor: None, creditor: Some(1_023) },
                ..given::entry(&request, Err(Decline::InsufficientFunds))
            };
            let size = items::size(&items::payment::encode(&entry));
            assert!(size <= texts(&entry) + BESIDE_TEXTS_MAX, "{size}: there is more beside the texts than is known");
            assert_eq!(payment_kilobytes(&entry), kilobytes(size), "{length}");
        }
        let request = request("p", &"€".repeat(140));
        let entry = given::entry(&request, Ok(()));
        let size = items::size(&items::payment::encode(&entry));
        assert_eq!(payment_kilobytes(&entry), kilobytes(size));
    }
}
