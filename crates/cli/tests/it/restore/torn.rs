//! Tears tables as a restore to a point in time may: each item is of some moment near that point, and no two items are
//! of the same for sure.

use std::collections::BTreeMap;

use super::tables::Tables;

/// Each item as it was at some of these moments, or missing if it wasn't there yet.
pub(super) fn torn(moments: &[Tables], random: &mut fastrand::Rng) -> Tables {
    Tables {
        accounts: table(moments, |tables| &tables.accounts, random),
        lanes: table(moments, |tables| &tables.lanes, random),
        sums: table(moments, |tables| &tables.sums, random),
        commands: table(moments, |tables| &tables.commands, random),
        payments: table(moments, |tables| &tables.payments, random),
        legs: table(moments, |tables| &tables.legs, random),
    }
}

fn table<K: Ord + Clone, V: Clone>(
    moments: &[Tables],
    of: fn(&Tables) -> &BTreeMap<K, V>,
    random: &mut fastrand::Rng,
) -> BTreeMap<K, V> {
    let newest = of(moments.last().unwrap());
    let at = |key: &K| of(&moments[random.usize(..moments.len())]).get(key).map(|item| (key.clone(), item.clone()));
    newest.keys().filter_map(at).collect()
}
