//! Packs decided requests into groups that each fit one transaction.
//!
//! In: what each request touches. Out: groups of request positions, in an order in which they may be committed.
//!
//! Requests that share an account, directly or through others, form a component. A component that fits one transaction
//! stays whole, so each of its accounts is written once and it waits for nobody; small ones are packed together, the
//! largest first, into the fullest group that still has room. A component that doesn't fit is cut into a chain: each
//! request, in order, goes to the first group of the chain that has room and doesn't come before a group that touches
//! one of its accounts.
//!
//! Invariants: within a group positions rise; along a chain no account's requests change their order.

use super::{AccountIx, Touch};

/// A position in the slice of touches.
type Position = usize;

/// Groups the requests at these touches into transactions of at most `items_max` items.
pub(super) fn group(touches: &[Touch], accounts: usize, items_max: usize) -> Vec<Vec<Position>> {
    let mut groups = Groups::new(accounts, items_max);
    let mut small = Vec::new();
    for component in components(touches, accounts) {
        if component.items <= items_max { small.push(component) } else { groups.chain(touches, &component.members) }
    }
    // Largest first: what is left over at the end is small and fills the gaps. Stable, so the same batch always gives
    // the same plan.
    small.sort_by_key(|component| std::cmp::Reverse(component.items));
    for component in small {
        groups.pack(component);
    }
    groups.finish()
}

struct Component {
    members: Vec<Position>,
    /// Payments, and accounts changed.
    items: usize,
}

/// The components, each with its members in order, in the order of their first members.
fn components(touches: &[Touch], accounts: usize) -> Vec<Component> {
    let mut parents: Vec<AccountIx> = (0..accounts).collect();
    for touch in touches {
        let root = find(&mut parents, touch.debtor);
        for account in touch.ordered_by() {
            let other = find(&mut parents, account);
            parents[other] = root;
        }
    }
    let mut components: Vec<Component> = Vec::new();
    let mut component_of_root: Vec<Option<usize>> = vec![None; accounts];
    let mut counted = vec![false; accounts];
    for (position, touch) in touches.iter().enumerate() {
        let root = find(&mut parents, touch.debtor);
        let ix = *component_of_root[root].get_or_insert_with(|| {
            components.push(Component { members: Vec::new(), items: 0 });
            components.len().saturating_sub(1)
        });
        let new_accounts = touch.changes().filter(|&account| !std::mem::replace(&mut counted[account], true)).count();
        let component = &mut components[ix];
        component.members.push(position);
        component.items = component.items.saturating_add(1).saturating_add(new_accounts);
    }
    components
}

/// The representative of an account's component; halves the path on the way.
fn find(parents: &mut [AccountIx], mut account: AccountIx) -> AccountIx {
    while parents[account] != account {
        let grandparent = parents[parents[account]];
        parents[account] = grandparent;
        account = grandparent;
    }
    account
}

/// Groups under way.
struct Groups {
    items_max: usize,
    /// Members and items of each group.
    groups: Vec<(Vec<Position>, usize)>,
    /// Groups by the room they have, in items.
    by_room: Vec<Vec<usize>>,
    /// By account: the last group that touches it, and the last that changes it.
    last_touched: Vec<Option<usize>>,
    last_changed: Vec<Option<usize>>,
}

impl Groups {
    fn new(accounts: usize, items_max: usize) -> Self {
        Self {
            items_max,
            groups: Vec::new(),
            by_room: vec![Vec::new(); items_max.saturating_add(1)],
            last_touched: vec![None; accounts],
            last_changed: vec![None; accounts],
        }
    }

    /// Cuts a component into a chain of groups of its own.
    fn chain(&mut self, touches: &[Touch], members: &[Position]) {
        let first = self.groups.len();
        for &member in members {
            let touch = &touches[member];
            let earliest = touch.ordered_by().filter_map(|account| self.last_touched[account]).max().unwrap_or(first);
            let mut at = earliest;
            let items = loop {
                // An account that this group already changes costs nothing more. No later group can hold it yet,
                // because the search starts at the last group that touches it.
                let new_accounts = touch.changes().filter(|&account| self.last_changed[account] != Some(at)).count();
                let items =
                    self.groups.get(at).map_or(0, |group| group.1).saturating_add(1).saturating_add(new_accounts);
                if items <= self.items_max || at >= self.groups.len() {
                    break items;
                }
                at = at.saturating_add(1);
            };
            if at == self.groups.len() {
                self.groups.push((Vec::new(), 0));
            }
            let group = &mut self.groups[at];
            group.0.push(member);
            group.1 = items;
            for account in touch.ordered_by() {
                self.last_touched[account] = Some(at);
            }
            for account in touch.changes() {
                self.last_changed[account] = Some(at);
            }
        }
        for at in first..self.groups.len() {
            self.offer(at);
        }
    }

    /// Puts a whole component into the fullest group that has room for it, or into a new one.
    fn pack(&mut self, component: Component) {
        let fitting = self.by_room.iter_mut().skip(component.items).find_map(Vec::pop);
        let at = fitting.unwrap_or_else(|| {
            self.groups.push((Vec::new(), 0));
            self.groups.len().saturating_sub(1)
        });
        let group = &mut self.groups[at];
        group.0.extend(component.members);
        group.1 = group.1.saturating_add(component.items);
        self.offer(at);
    }

    /// Makes the room that a group has known to [`pack`](Self::pack).
    fn offer(&mut self, at: usize) {
        let room = self.items_max.saturating_sub(self.groups[at].1);
        self.by_room[room].push(at);
    }

    fn finish(self) -> Vec<Vec<Position>> {
        let in_order = |(mut members, _): (Vec<Position>, usize)| {
            members.sort_unstable();
            members
        };
        self.groups.into_iter().map(in_order).collect()
    }
}
