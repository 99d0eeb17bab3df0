//! What: Says whether a transaction of payments may happen, and lets it happen.

use giro::domain::plan::Transaction;
use giro::domain::{AccountStatus, Balance, Currency, Instruction, Lane, LaneId, Recorded};
use giro::store::{Cancelled, Read};

use super::State;
use super::conditions::{account_allows, lane_allows};
use crate::charge::{leg_kilobytes, payment_kilobytes};

impl State {
    /// Everything that cancels a transaction. `None` if it may happen.
    pub(super) fn judge(&self, transaction: &Transaction<'_>) -> Cancelled {
        let mut cancelled = Cancelled::default();
        for (ix, entry) in transaction.entries.iter().enumerate() {
            if let Some(recorded) = self.payments.get(entry.request.instruction.id()) {
                cancelled.duplicates.push((ix, Ok(recorded.clone())));
            } else if let Instruction::Legged(payment) = &entry.request.instruction
                && payment.further(entry.decided_at).zip(&entry.further).any(|(leg, _)| self.legs.contains_key(&leg.id))
            {
                cancelled.duplicates.push((ix, Err("payment: expected no item of a leg without it".into())));
            }
        }
        for (ix, total) in transaction.totals.iter().enumerate() {
            if self.totals.get(&total.id).is_some_and(|&sum| sum > total.total_max) {
                cancelled.totals.push((ix, self.read_total(&total.id)));
            }
        }
        for (ix, update) in transaction.updates.iter().enumerate() {
            match update.lane_id() {
                None => {
                    let read = self.read(&update.account);
                    if !matches!(&read, Read::Found(account) if account_allows(account, update)) {
                        cancelled.accounts.push((ix, read));
                    }
                }
                Some(lane) => {
                    if !lane_allows(self.lanes.get(&lane), update) {
                        cancelled.lanes.push((ix, self.read_lane(&lane)));
                    }
                }
            }
        }
        cancelled
    }

    pub(super) fn apply(&mut self, transaction: &Transaction<'_>) {
        for entry in &transaction.entries {
            let outcome = entry.outcome();
            let (id, fingerprint) = (outcome.instruction.id().clone(), outcome.instruction.fingerprint());
            // Two units a KB in a transaction, and one a KB in each of the two statement indexes.
            let kilobytes = payment_kilobytes(entry);
            self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(kilobytes.saturating_mul(4_000));
            self.lists.add(entry, &outcome);
            if let Instruction::Legged(payment) = &outcome.instruction {
                let further = payment.further(outcome.decided_at).zip(&entry.further);
                self.legs.extend(further.map(|(leg, _)| (leg.id.clone(), leg)));
            }
            for kilobytes in leg_kilobytes(entry) {
                self.usage.write_milliunits =
                    self.usage.write_milliunits.saturating_add(kilobytes.saturating_mul(4_000));
            }
            self.payments.insert(id, Recorded { outcome, fingerprint });
        }
        for total in &transaction.totals {
            self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(2_000);
            let sum = self.totals.entry(total.id.clone()).or_default();
            *sum = sum.saturating_add(total.net);
        }
        for update in &transaction.updates {
            self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(2_000);
            if update.is_check() {
                continue;
            }
            let changed = match update.lane_id() {
                None => match self.accounts.get_mut(&update.account) {
                    Some(Ok(account)) => {
                        update.count_in(account);
                        Some((&mut account.balance, &mut account.version))
                    }
                    Some(Err(_)) | None => None,
                },
                Some(id) => {
                    let lane = self.lanes.entry(id.clone()).or_insert_with(|| made_by(id, update.currency));
                    lane.is_debited |= update.takes_back;
                    Some((&mut lane.balance, &mut lane.version))
                }
            };
            if let Some((balance, version)) = changed {
                // The conditions keep it in range.
                let after = i128::from(balance.minor_units()).saturating_add(update.net);
                *balance = Balance::new(i64::try_from(after).unwrap_or(i64::MAX));
                *version = version.saturating_add(1);
            }
        }
    }
}

/// A lane that a payment makes, before it holds the payment.
fn made_by(id: LaneId, currency: Currency) -> Lane {
    let (status, balance) = (AccountStatus::Open, Balance::ZERO);
    Lane { id, currency, status, balance, is_limited: false, is_shut: false, is_debited: false, version: 0 }
}
