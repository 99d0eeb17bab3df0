//! What: Packs decided requests into groups that each fit one transaction.
//!
//! Data: Takes what each request touches. Gives groups of request positions, in an order in which they may be
//! committed.
//!
//! Requests that share a main item, directly or through others, form a component. A component that fits one transaction
//! stays whole, so each of its main items is written once, and it waits for no other. Small components are packed
//! together, the largest first, into the fullest group that has room. A component that doesn't fit is cut into cells
//! that do, on levels ([`levels`](super::levels)). The cells of each level are packed together.
//!
//! An account that is changed on a lane costs a group one item, however many requests of the group change it there. So
//! the components that change it are packed together, those of the most popular account first. Two groups that change
//! one lane run one after the other, so the fewer groups change a popular account, the sooner all are done. Other
//! components fill the groups that have room left.
//!
//! Components that touch a contended account are packed apart from the rest, by how contended it is, so that nothing
//! else waits for them.
//!
//! Invariants: Within a group positions rise. From group to group the requests of a main item keep their order.

use std::cmp::Reverse;
use std::ops::Range;

use super::levels::Levels;
use super::{Capacity, Touch};
use crate::domain::AccountIx;

/// A position in the slice of touches.
type Position = usize;

/// Requests that are committed together.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// In order.
    pub(super) members: Vec<Position>,
    /// The accounts that it changes on a lane, each once, with one lane each.
    pub(super) laned: Vec<AccountIx>,
    items: usize,
    items_max: usize,
}

impl Group {
    /// Adds this many items, and a lane of each of these accounts.
    fn add(&mut self, items: usize, laned: &[AccountIx]) {
        self.items = self.items.saturating_add(items);
        for account in laned {
            if !self.laned.contains(account) {
                self.laned.push(*account);
                self.items = self.items.saturating_add(1);
            }
        }
    }
}

/// Groups the requests at these touches into transactions.
pub(super) fn group(touches: &[Touch<'_>], accounts: usize, capacity: &Capacity) -> Vec<Group> {
    let components = Components::of(touches, accounts, capacity);
    let mut order: Vec<&Component> = components.all.iter().collect();
    // The largest come first, so that small ones fill the gaps at the end. The sort is stable, so the same batch always
    // gives the same plan.
    order.sort_by_key(|component| {
        let fits = components.whole_items(component) <= capacity.items(component.rounds);
        let home = components.laned(component).first();
        let packing = fits.then_some((home.is_none(), Reverse(component.popularity), home, Reverse(component.items)));
        (component.rounds, fits, packing)
    });
    let mut groups = Groups::new(touches, accounts);
    for class in order.chunk_by(|a, b| a.rounds == b.rounds) {
        let items_max = class.first().map_or(0, |component| capacity.items(component.rounds));
        groups.begin_class();
        for &component in class {
            let members = &components.members[component.members.clone()];
            if components.whole_items(component) <= items_max {
                groups.pack(component, members, components.laned(component), items_max);
            } else {
                groups.cut(members, items_max);
            }
        }
    }
    groups.finish()
}

#[derive(Debug, Clone)]
struct Component {
    /// Where its members are.
    members: Range<usize>,
    /// Where the accounts are that it changes on lanes.
    laned: Range<usize>,
    /// Payments, main items changed, and lanes swept.
    items: usize,
    /// In how many rounds others held one of its accounts.
    rounds: u32,
    /// How many requests change the first of those accounts.
    popularity: usize,
}

/// All components, in the order of their first members. Each has its members in order.
struct Components {
    all: Vec<Component>,
    members: Vec<Position>,
    laned: Vec<AccountIx>,
}

impl Components {
    fn of(touches: &[Touch<'_>], accounts: usize, capacity: &Capacity) -> Self {
        let mut parents: Vec<AccountIx> = (0..accounts).collect();
        for touch in touches {
            let mut mains = touch.ordered_by();
            let Some(root) = mains.next().map(|account| find(&mut parents, account)) else { continue };
            for account in mains {
                let other = find(&mut parents, account);
                parents[other] = root;
            }
        }
        // First count the members and items of each component, then place the members side by side.
        let mut all: Vec<Component> = Vec::new();
        let mut component_of_root: Vec<Option<usize>> = vec![None; accounts];
        let mut component_of: Vec<usize> = Vec::with_capacity(touches.len());
        let mut counted = vec![false; accounts];
        for touch in touches {
            let mut begun = || {
                all.push(Component { members: 0..0, laned: 0..0, items: 0, rounds: 0, popularity: 0 });
                all.len().saturating_sub(1)
            };
            let ix = match touch.ordered_by().next() {
                Some(account) => *component_of_root[find(&mut parents, account)].get_or_insert_with(begun),
                None => begun(),
            };
            component_of.push(ix);
            let component = &mut all[ix];
            let new = touch.changes().filter(|&account| !std::mem::replace(&mut counted[account], true)).count();
            component.items = component.items.saturating_add(touch.own_items()).saturating_add(new);
            component.rounds = component.rounds.max(capacity.rounds(touch.named()));
            component.members.end = component.members.end.saturating_add(1);
        }
        let mut start: usize = 0;
        for component in &mut all {
            let end = start.saturating_add(component.members.end);
            component.members = start..start;
            start = end;
        }
        let mut members = vec![0; touches.len()];
        for (position, &ix) in component_of.iter().enumerate() {
            let placed = &mut all[ix].members;
            members[placed.end] = position;
            placed.end = placed.end.saturating_add(1);
        }
        let laned = place_laned(touches, accounts, &mut all, &members);
        Self { all, members, laned }
    }

    fn laned(&self, component: &Component) -> &[AccountIx] {
        &self.laned[component.laned.clone()]
    }

    /// The items of a transaction of this component alone.
    fn whole_items(&self, component: &Component) -> usize {
        component.items.saturating_add(self.laned(component).len())
    }
}

/// The accounts that each component changes on lanes, each once. The most popular comes first.
fn place_laned(touches: &[Touch<'_>], accounts: usize, all: &mut [Component], members: &[Position]) -> Vec<AccountIx> {
    let mut laned = Vec::new();
    if touches.iter().all(|touch| touch.on_lanes().next().is_none()) {
        return laned;
    }
    let mut last_seen: Vec<Option<usize>> = vec![None; accounts];
    let mut popularity: Vec<usize> = vec![0; accounts];
    for account in touches.iter().flat_map(Touch::on_lanes) {
        popularity[account] = popularity[account].saturating_add(1);
    }
    for (ix, component) in all.iter_mut().enumerate() {
        let start = laned.len();
        for &member in &members[component.members.clone()] {
            let new = |account: &AccountIx| last_seen[*account].replace(ix) != Some(ix);
            laned.extend(touches[member].on_lanes().filter(new));
        }
        component.laned = start..laned.len();
        laned[start..].sort_by_key(|&account| (Reverse(popularity[account]), account));
        component.popularity = laned.get(start).map(|&account| popularity[account]).unwrap_or_default();
    }
    laned
}

/// The representative of an account's component. It also halves the path that it walks.
fn find(parents: &mut [AccountIx], mut account: AccountIx) -> AccountIx {
    while parents[account] != account {
        let grandparent = parents[parents[account]];
        parents[account] = grandparent;
        account = grandparent;
    }
    account
}

/// The groups so far.
struct Groups<'t> {
    groups: Vec<Group>,
    /// Groups with room for any component.
    open: Rooms,
    /// The account that the current components change on lanes; `at_home` holds the groups that change it.
    home: Option<AccountIx>,
    at_home: Rooms,
    levels: Levels<'t>,
}

impl<'t> Groups<'t> {
    fn new(touches: &'t [Touch<'t>], accounts: usize) -> Self {
        Self {
            groups: Vec::new(),
            open: Rooms::default(),
            home: None,
            at_home: Rooms::default(),
            levels: Levels::new(touches, accounts),
        }
    }

    /// Components from now on share no group with those before.
    fn begin_class(&mut self) {
        self.open.clear();
        self.at_home.clear();
        self.home = None;
    }

    /// Cuts a component into groups of its own, level by level.
    fn cut(&mut self, members: &[Position], items_max: usize) {
        let first = self.groups.len();
        let cells = self.levels.cut(members, items_max);
        for level in cells.chunk_by(|one, other| one.level == other.level) {
            // Each level gets as few transactions as it needs.
            let mut rooms = Rooms::default();
            for cell in level {
                let at = rooms.take(cell.items).unwrap_or_else(|| self.new_group(items_max));
                self.groups[at].members.extend_from_slice(&cell.members);
                self.groups[at].add(cell.items.saturating_sub(cell.laned.len()), &cell.laned);
                rooms.offer(&self.groups, at);
            }
        }
        for at in first..self.groups.len() {
            self.open.offer(&self.groups, at);
        }
    }

    fn new_group(&mut self, items_max: usize) -> usize {
        self.groups.push(Group { items_max, ..Group::default() });
        self.groups.len().saturating_sub(1)
    }

    /// Puts a whole component into the fullest group that has room for it, or into a new one.
    fn pack(&mut self, component: &Component, members: &[Position], laned: &[AccountIx], items_max: usize) {
        let home = laned.first().copied();
        if home != self.home {
            self.home = home;
            for at in self.at_home.drain() {
                self.open.offer(&self.groups, at);
            }
        }
        let whole = component.items.saturating_add(laned.len());
        let at_home = home.and_then(|_| self.at_home.take(whole.saturating_sub(1)));
        let at = at_home.or_else(|| self.open.take(whole)).unwrap_or_else(|| self.new_group(items_max));
        self.groups[at].members.extend_from_slice(members);
        self.groups[at].add(component.items, laned);
        let rooms = if home.is_some() { &mut self.at_home } else { &mut self.open };
        rooms.offer(&self.groups, at);
    }

    fn finish(mut self) -> Vec<Group> {
        for group in &mut self.groups {
            group.members.sort_unstable();
        }
        self.groups
    }
}

/// Groups by the room they have, in items.
#[derive(Default)]
struct Rooms {
    by_room: Vec<Vec<usize>>,
    /// The bit of each room that a group has is set. No transaction has as much room as there are bits.
    found: u128,
}

impl Rooms {
    /// Takes out the group with the least room of at least `items`.
    fn take(&mut self, items: usize) -> Option<usize> {
        let enough = self.found.checked_shr(u32::try_from(items).ok()?).filter(|&enough| enough != 0)?;
        let room = items.checked_add(usize::try_from(enough.trailing_zeros()).ok()?)?;
        let groups = self.by_room.get_mut(room)?;
        let at = groups.pop();
        if groups.is_empty() {
            self.found &= !bit(room);
        }
        at
    }

    /// Puts in a group.
    fn offer(&mut self, groups: &[Group], at: usize) {
        let room = groups[at].items_max.saturating_sub(groups[at].items);
        if self.by_room.len() <= room {
            self.by_room.resize_with(room.saturating_add(1), Vec::new);
        }
        self.by_room[room].push(at);
        self.found |= bit(room);
    }

    /// Takes out all groups, in order.
    fn drain(&mut self) -> Vec<usize> {
        self.found = 0;
        let mut all: Vec<usize> = self.by_room.iter_mut().flat_map(std::mem::take).collect();
        all.sort_unstable();
        all
    }

    fn clear(&mut self) {
        self.found = 0;
        self.by_room.iter_mut().for_each(Vec::clear);
    }
}

/// The bit of a room.
fn bit(room: usize) -> u128 {
    u32::try_from(room).ok().and_then(|room| 1_u128.checked_shl(room)).unwrap_or_default()
}

const _: () = assert!(super::TRANSACTION_ITEMS_MAX < 128, "a room has a bit in a u128");
