//! What: Asks for balances at past times while a world lives, and again when all is over. What was final must not have
//! changed.
//!
//! Data: Takes how long after a time it counts as closed. Gives how many answers were final, and which have changed.
//!
//! A world that is asked is another one than that of its seed alone. Minutes pass in it between what happens. A call
//! that nobody waits for any more reaches the store up to [`LATEST`] after it was sent, and the scheduled audit runs
//! now and then. So payments are committed long after they were decided, beside checkpoints.

use std::time::Duration;

use tokio::time::Instant;

use super::World;
use crate::simulate::auditor::Wrong;
use crate::simulate::finals::{Finals, Questions};
use giro::audit::Pace;
use giro::audit::moved::{Settings, prove};
use giro::balances::Balances;
use giro::domain::audit::Checkpoint;
use giro::domain::{AccountId, Timestamp};
use giro::store::LedgerQueries;

/// How long after it was sent a call may reach the store. Together with the times of an invocation, of two clocks and
/// of an index it is less than the time after which a time is closed.
const LATEST: Duration = Duration::from_secs(14 * 60);
/// One in so many happenings is followed by questions.
const SELDOM: u32 = 6;
/// How far back questions go.
const BACK_MS: i64 = 45 * 60 * 1_000;
/// Long enough for every invocation of the storm to end.
const LAST_SECONDS: u32 = 10;
/// Short, because lists of a world show a posting at once.
const SETTINGS: Settings = Settings {
    for_indexes: Duration::from_millis(1),
    before_another_look: [Duration::from_millis(1); 2],
    before_told: Duration::ZERO,
    postings_at_once: usize::MAX,
};

impl World {
    /// Lets the world live as [`run`](Self::run) does, asks meanwhile, and asks all again at its end.
    pub(in crate::simulate) async fn asked(mut self, steps: u64) -> Result<Finals, Wrong> {
        self.live(steps).await?;
        self.minutes_pass(Duration::from_secs(30 * 60)).await?;
        let Some(mut questions) = self.questions.take() else { return Ok(Finals::default()) };
        for ((account, at), before) in std::mem::take(&mut questions.answers) {
            for has_checkpoints in [false, true] {
                let now = self.balance(&questions, &account, at, has_checkpoints).await?;
                if now.is_some_and(|(now, _)| now != before) {
                    let text = format!("{account} at {at}: {before}, then {now:?}, checkpoints {has_checkpoints}");
                    questions.told.changed.push(text);
                }
            }
        }
        Ok(questions.told)
    }

    /// Something has happened: now and then minutes pass, an audit runs, and questions are asked.
    pub(super) async fn ask_now_and_then(&mut self) -> Result<(), Wrong> {
        let Some(mut questions) = self.questions.take() else { return Ok(()) };
        if questions.random.u32(0..SELDOM) == 0 {
            if questions.random.u8(0..3) == 0 {
                self.minutes_pass(Duration::from_secs(questions.random.u64(30..=300))).await?;
            }
            if questions.random.u8(0..4) == 0 {
                self.audit().await?;
            }
            self.ask(&mut questions).await?;
        }
        self.questions = Some(questions);
        Ok(())
    }

    /// Time passes. Before that, whatever would be under way for too long reaches the store.
    async fn minutes_pass(&mut self, time: Duration) -> Result<(), Wrong> {
        for _ in 0..LAST_SECONDS {
            self.pass(Duration::from_secs(1)).await?;
        }
        let oldest = Instant::now().checked_add(time).and_then(|then| then.checked_sub(LATEST));
        self.let_arrive(oldest.unwrap_or_else(Instant::now))?;
        self.pass(time).await
    }

    /// Whatever was sent up to then reaches the store, or is lost.
    pub(super) fn let_arrive(&mut self, sent_until: Instant) -> Result<(), Wrong> {
        while let Some(ticket) = self.network.unanswered(sent_until) {
            self.call(ticket)?;
        }
        Ok(())
    }

    async fn audit(&mut self) -> Result<(), Wrong> {
        let until = Instant::now().checked_add(Duration::from_secs(600)).unwrap_or_else(Instant::now);
        let proof = prove(&self.store, self.clock(), Pace::per_second(1_000_000), SETTINGS, until).await;
        proof.map(drop).map_err(|error| format!("the audit: {error}"))
    }

    async fn ask(&self, questions: &mut Questions) -> Result<(), Wrong> {
        let (now, began) = (self.clock()(), self.clock_began());
        let accounts: Vec<AccountId> = self.auditor.opening().filter_map(|id| id.parse().ok()).collect();
        for account in accounts {
            let at = now.earlier_by(questions.random.i64(0..BACK_MS)).max(began);
            let has_checkpoints = questions.random.bool();
            let told = self.balance(questions, &account, at, has_checkpoints).await?;
            let Some((balance, true)) = told else { continue };
            questions.told.finals = questions.told.finals.saturating_add(1);
            questions.told.not_zero = questions.told.not_zero.saturating_add(u64::from(balance != 0));
            let rests_on = |it: &Checkpoint| it.account == account && it.as_of <= at;
            let proved = has_checkpoints && self.store.proved_checkpoints().iter().any(rests_on);
            questions.told.proved = questions.told.proved.saturating_add(u64::from(proved));
            if let Some(before) = questions.answers.insert((account.clone(), at), balance)
                && before != balance
            {
                questions.told.changed.push(format!("{account} at {at}: {before}, then {balance}"));
            }
        }
        Ok(())
    }

    /// A balance, and whether it is final. `None` if the account can't be read now.
    async fn balance(
        &self,
        questions: &Questions,
        account: &AccountId,
        at: Timestamp,
        has_checkpoints: bool,
    ) -> Result<Option<(i128, bool)>, Wrong> {
        let closed = self.clock()().earlier_by(questions.closed_after_ms);
        let Ok(Some(holding)) = self.store.account(account).await else { return Ok(None) };
        let balances = Balances { store: &self.store, has_checkpoints, closed };
        let told = balances.at(&holding, at).await.map_err(|error| format!("{account} at {at}: {error}"))?;
        Ok(Some((told.balance, told.is_final)))
    }
}
