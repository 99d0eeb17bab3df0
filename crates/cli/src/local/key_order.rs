//! What: Scans a table of a local engine in the order of its key.
//!
//! DynamoDB reads the segments of a table side by side. The embedded engine looks through the whole table and sorts it
//! for each page of a segment. In the order of the key it reads the page alone, so a scan takes time by the table's
//! size, and not by its square.
//!
//! Data: Takes a store. Gives the same items, all in the first segment. The other segments are empty.

use giro::aws::is_local;
use giro::store::{ScanPage, Segment, StoreError, Table, TableScan};

/// A store, whose segments count where it is no local engine.
#[derive(Debug)]
pub(crate) struct KeyOrder<'a, S> {
    store: &'a S,
    is_local: bool,
}

impl<'a, S> KeyOrder<'a, S> {
    /// A store at this URL; none is AWS's own.
    #[must_use]
    pub(crate) fn of(store: &'a S, url: Option<&str>) -> Self {
        Self { store, is_local: url.is_some_and(is_local) }
    }
}

impl<S: TableScan> TableScan for KeyOrder<'_, S> {
    type Mark = S::Mark;

    async fn page(
        &self,
        table: Table,
        segment: Segment,
        mark: Option<S::Mark>,
    ) -> Result<ScanPage<S::Mark>, StoreError> {
        match (self.is_local, segment.number) {
            (false, _) => self.store.page(table, segment, mark).await,
            (true, 0) => self.store.page(table, Segment { number: 0, of: 1 }, mark).await,
            (true, _) => Ok(ScanPage { items: Vec::new(), next: None, read_milliunits: 0 }),
        }
    }
}

#[cfg(test)]
mod tests {
    use giro_testkit::given::account;
    use giro_testkit::memory_store::MemoryStore;
    use giro_testkit::open_accounts::OpenAccounts as _;

    use super::*;

    #[tokio::test]
    async fn every_item_is_met_once_in_any_number_of_segments() {
        let store = MemoryStore::new();
        for ix in 0..40 {
            store.open_account(&account(&format!("a{ix}"))).await.unwrap();
        }
        for (url, first_has_all) in [
            (Some("http://127.0.0.1:8000"), true),
            (Some("https://dynamodb.eu-central-1.amazonaws.com"), false),
            (None, false),
        ] {
            let ordered = KeyOrder::of(&store, url);
            let mut met = Vec::new();
            for number in 0..4 {
                let (mut mark, mut items) = (None, 0);
                loop {
                    let page = ordered.page(Table::Accounts, Segment { number, of: 4 }, mark).await.unwrap();
                    items += page.items.len();
                    mark = page.next;
                    if mark.is_none() {
                        break;
                    }
                }
                met.push(items);
            }
            assert_eq!(met.iter().sum::<usize>(), 40, "{url:?}");
            assert_eq!(met[0] == 40, first_has_all, "{url:?}: {met:?}");
        }
    }
}
