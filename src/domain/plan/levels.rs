//! What: Cuts a component that doesn't fit one transaction into cells that do, on levels. Cells of one level run side
//! by side, and each level runs after the level below it.
//!
//! Data: Takes requests that share main items, in order, and how much fits a transaction. Gives the cells, by level.
//!
//! Requests are placed in order, each on the lowest possible level: the highest level that holds one of its main items.
//! There it joins the cells that hold them into one, if they fit. If they don't fit, the request begins a cell on the
//! next level. So a cell grows until it is full, and only requests that share its main items wait for it.
//!
//! Invariants: No two cells of a level share a main item. From level to level the requests of a main item keep their
//! order.

use std::cmp::Reverse;

use super::Touch;
use crate::domain::AccountIx;

/// Requests that go together.
#[derive(Debug, Default)]
pub(super) struct Cell {
    pub(super) level: usize,
    /// The positions of its requests, in no order.
    pub(super) members: Vec<usize>,
    /// The accounts that it changes on a lane, each once.
    pub(super) laned: Vec<AccountIx>,
    /// The items of a transaction of this cell alone.
    pub(super) items: usize,
}

/// The cells so far, of one component after the other.
pub(super) struct Levels<'t> {
    touches: &'t [Touch<'t>],
    accounts: usize,
    /// By account: the cell of its last request. Empty until a component is cut, as nearly none is.
    holders: Vec<Option<usize>>,
    /// By account: the last level that changes its main item. Empty until then too.
    changed: Vec<Option<usize>>,
    /// A cell that was joined to another is empty.
    cells: Vec<Cell>,
    /// By cell: the cell that it was joined to, or itself.
    parents: Vec<usize>,
    /// Room for the cells that hold a request's main items.
    holding: Vec<usize>,
}

impl<'t> Levels<'t> {
    pub(super) fn new(touches: &'t [Touch<'t>], accounts: usize) -> Self {
        let (holders, changed, cells) = (Vec::new(), Vec::new(), Vec::new());
        Self { touches, accounts, holders, changed, cells, parents: Vec::new(), holding: Vec::new() }
    }

    /// The cells of one component. The lowest level comes first, and in a level the largest cell.
    pub(super) fn cut(&mut self, members: &[usize], items_max: usize) -> Vec<Cell> {
        let first = self.cells.len();
        self.holders.resize(self.accounts, None);
        self.changed.resize(self.accounts, None);
        for &position in members {
            self.place(position, items_max);
        }
        let cells = self.cells.get_mut(first..).unwrap_or_default();
        let mut cells: Vec<Cell> = cells.iter_mut().map(std::mem::take).filter(|cell| cell.items > 0).collect();
        cells.sort_by_key(|cell| (cell.level, Reverse(cell.items)));
        cells
    }

    fn place(&mut self, position: usize, items_max: usize) {
        let touch = &self.touches[position];
        let mut holders = std::mem::take(&mut self.holding);
        let held = touch.ordered_by().filter_map(|account| self.holders[account]);
        holders.extend(held.map(|cell| self.find(cell)));
        let level = holders.iter().map(|&cell| self.cells[cell].level).max().unwrap_or(0);
        // A holder on a lower level doesn't matter: its main items are free on this level.
        holders.retain(|&cell| self.cells[cell].level == level);
        holders.sort_unstable();
        holders.dedup();
        let mains = touch.changes().filter(|&account| self.changed[account] != Some(level)).count();
        let more = touch.own_items().saturating_add(mains);
        let cell = self.join(&holders, touch.on_lanes(), more, items_max);
        let cell = cell.unwrap_or_else(|| {
            let laned: Vec<AccountIx> = touch.on_lanes().collect();
            let level = if holders.is_empty() { level } else { level.saturating_add(1) };
            self.cells.push(Cell { level, items: touch.items(), laned, members: Vec::new() });
            self.parents.push(self.parents.len());
            self.parents.len().saturating_sub(1)
        });
        self.cells[cell].members.push(position);
        let level = self.cells[cell].level;
        touch.ordered_by().for_each(|account| self.holders[account] = Some(cell));
        touch.changes().for_each(|account| self.changed[account] = Some(level));
        holders.clear();
        self.holding = holders;
    }

    fn find(&self, mut cell: usize) -> usize {
        while self.parents[cell] != cell {
            cell = self.parents[cell];
        }
        cell
    }

    /// Joins cells into the first of them, with this many more items and a lane of each of these accounts. `None` if
    /// there are none, or if that doesn't fit.
    fn join(
        &mut self,
        cells: &[usize],
        on_lanes: impl Iterator<Item = AccountIx>,
        more: usize,
        items_max: usize,
    ) -> Option<usize> {
        let (&one, others) = cells.split_first()?;
        let is_known =
            |before: &[usize], account: &AccountIx| before.iter().any(|&cell| self.cells[cell].laned.contains(account));
        let mut items = self.cells[one].items.saturating_add(more);
        for (at, &other) in others.iter().enumerate() {
            let before = &cells[..=at];
            let shared = self.cells[other].laned.iter().filter(|account| is_known(before, account)).count();
            items = items.saturating_add(self.cells[other].items).saturating_sub(shared);
        }
        let new: Vec<AccountIx> = on_lanes.filter(|account| !is_known(cells, account)).collect();
        items = items.saturating_add(new.len());
        if items > items_max {
            return None;
        }
        for &other in others {
            self.parents[other] = one;
            let joined = std::mem::take(&mut self.cells[other]);
            let own = &mut self.cells[one];
            own.members.extend(joined.members);
            own.laned.extend(joined.laned);
        }
        let own = &mut self.cells[one];
        if !others.is_empty() {
            own.laned.sort_unstable();
            own.laned.dedup();
        }
        own.laned.extend(new);
        own.items = items;
        Some(one)
    }
}
