//! What: Plays the operators. They create topics again, switch mappings off for a week, and redrive dead letters and
//! records that were given up.
//!
//! Data: Takes what the mappings give up, the dead letters in the store. Gives records on the topics again.
//!
//! | what | how |
//! |---|---|
//! | a topic is created again | all offsets begin at 0, and unfinished records are produced there first; running invocations go on with their records |
//! | a mapping is off | nothing is delivered; running invocations end; a week passes before it is on again |
//! | a record was given up | it waits on the `-failed` topic, until `giro failed redrive` produces it again with one header more |
//! | a dead letter waits | `giro dead-letters redrive` produces its record again with one header more, then marks it |
//!
//! Both commands may die after they produce a record and before they note that.

use std::time::Duration;

use tokio::time::Instant;

use super::{Happening, World};
use crate::simulate::auditor::Wrong;
use crate::simulate::mapping::CarriedOver;
use crate::simulate::mutant::Mutant;
use crate::simulate::network::at_once;
use crate::simulate::record::Record;
use crate::simulate::tape::Tape;
use crate::simulate::topic::{Place, Topic};
use crate::simulate::workload::bucket;
use giro::domain::dead_letter::{DeadLetterId, DeadLetterStatus};
use giro::store::{LedgerQueries, Redrive};

/// How long a mapping stays off.
const WEEK: Duration = Duration::from_secs(7 * 24 * 3_600);
/// Long enough for every invocation of the storm to end.
const LAST_SECONDS: u32 = 10;
/// When worlds begin, in milliseconds since 1970: a midnight.
const BEGINNING_MS: i64 = 1_799_971_200_000;
/// Records that must wait before a mapping is switched off: with fewer, the week would show little.
const WORTH_A_WEEK: usize = 6;
/// With this many invocations a topic isn't created again: more of them would have records of the old topic.
const UNDER_WAY_MAX: usize = 6;
/// The header that names where a redriven record stood first.
const REDRIVEN_FROM: &str = "giro-redriven-from";

/// What operators are doing.
#[derive(Debug)]
pub(super) struct Operator {
    began: Instant,
    /// How finely records are stamped, in milliseconds.
    stamps_ms: i64,
    /// What is on the `-failed` topics, and how much of it was brought back.
    failed: Vec<(Topic, Place, Record)>,
    brought_back: usize,
    /// The dead letter whose record was produced again, and which isn't marked yet.
    to_mark: Option<DeadLetterId>,
}

impl Operator {
    pub(super) fn draw(tape: &mut Tape) -> Self {
        // If all timestamps are equal, a record can come again at its place with the same bytes.
        let stamps_ms = tape.pick([1, 24 * 3_600_000]);
        Self { began: Instant::now(), stamps_ms, failed: Vec::new(), brought_back: 0, to_mark: None }
    }

    /// Whether something that was given up is still to be brought back.
    pub(super) fn waits(&self) -> bool {
        self.brought_back < self.failed.len()
    }
}

impl World {
    /// What operators may do next, by weight.
    pub(super) fn operators(&self, all: &mut Vec<(u32, Happening)>) {
        let crowded = self.invocations.len() >= UNDER_WAY_MAX;
        for topic in Topic::ALL {
            let mapping = self.mappings.of(topic);
            if mapping.was_read() && !crowded {
                all.push((self.weather.anew, Happening::MakeAnew(topic)));
            }
            match mapping.on {
                true if mapping.backlog() >= WORTH_A_WEEK => all.push((self.weather.off, Happening::SwitchOff(topic))),
                true => {}
                false => all.push((8, Happening::SwitchOn(topic))),
            }
        }
        if self.operator.waits() {
            all.push((2, Happening::BringBack));
        }
        if self.auditor.letters() > 0 {
            all.push((self.weather.redrive, Happening::Redrive));
        }
    }

    /// The time of the day, in milliseconds since 1970.
    pub(super) fn now_ms(&self) -> i64 {
        let passed = i64::try_from(self.operator.began.elapsed().as_millis()).unwrap_or(i64::MAX);
        BEGINNING_MS.saturating_add(passed)
    }

    /// What a record is stamped with now.
    pub(super) fn stamp_ms(&self) -> i64 {
        let now_ms = self.now_ms();
        now_ms.saturating_sub(now_ms.checked_rem(self.operator.stamps_ms).unwrap_or(0))
    }

    pub(super) fn make_anew(&mut self, topic: Topic) -> Result<(), Wrong> {
        let carried = self.mappings.of_mut(topic).make_anew(&mut self.tape);
        self.note(|| format!("{} is made anew; {} records are carried over", topic.name(), carried.len()));
        self.counts.add("topics made anew", 1);
        for CarriedOver { from, to, record } in carried {
            self.counts.add("records carried over", 1);
            self.auditor.produced_again(topic, (from, to), record, true)?;
        }
        Ok(())
    }

    pub(super) fn switch_off(&mut self, topic: Topic) {
        self.note(|| format!("the mapping of {} is switched off", topic.name()));
        self.mappings.of_mut(topic).on = false;
    }

    pub(super) async fn switch_on(&mut self, topic: Topic) -> Result<(), Wrong> {
        self.note(|| "a week passes".into());
        for _ in 0..LAST_SECONDS {
            self.pass(Duration::from_secs(1)).await?;
        }
        if self.questions.is_some() {
            self.let_arrive(Instant::now())?;
        }
        self.pass(WEEK).await?;
        let waited = u64::try_from(self.mappings.of(topic).backlog()).unwrap_or(u64::MAX);
        self.note(|| format!("the mapping of {} is switched on; {waited} records have waited", topic.name()));
        self.counts.add("weeks without a mapping", 1);
        self.counts.add("records that waited for a week", waited);
        self.mappings.of_mut(topic).on = true;
        Ok(())
    }

    /// A mapping gave up on these records: they go to its `-failed` topic.
    pub(super) fn give_up(&mut self, topic: Topic, places: &[Place]) -> Result<(), Wrong> {
        if places.is_empty() {
            return Ok(());
        }
        self.note(|| format!("the mapping gives up {} {places:?}", topic.name()));
        self.counts.add("batches given up", 1);
        self.auditor.gave_up(topic, places)?;
        for place in places {
            let record = self.mappings.of(topic).record(*place).ok_or("what is given up is not there")?;
            self.operator.failed.push((topic, *place, record.clone()));
        }
        Ok(())
    }

    /// The next record of the `-failed` topics goes back to its topic.
    pub(super) fn bring_back(&mut self) -> Result<(), Wrong> {
        let Some((topic, from, record)) = self.operator.failed.get(self.operator.brought_back).cloned() else {
            return Ok(());
        };
        let dies = self.tape.chance(self.weather.operator_killed);
        let remembered_first = self.mutant == Some(Mutant::RememberBeforeRedrive);
        if !dies || !remembered_first {
            let own = usize::try_from(from.partition).ok();
            let (to, record) = self.produce_again(topic, own, from.stands(), record);
            self.note(|| format!("{from:?} of {} is brought back to {to:?}", topic.name()));
            self.counts.add("records brought back", 1);
            self.auditor.produced_again(topic, (from, to), record, true)?;
        }
        if !dies || remembered_first {
            self.operator.brought_back = self.operator.brought_back.saturating_add(1);
        }
        Ok(())
    }

    /// A dead letter's record is produced again; the next time, the dead letter is marked.
    pub(super) fn redrive(&mut self) -> Result<(), Wrong> {
        if let Some(letter) = self.operator.to_mark.take() {
            if self.tape.chance(self.weather.operator_killed) {
                self.note(|| format!("whoever redrives {letter} dies"));
                return Ok(());
            }
            let marked = at_once(self.store.mark_redriven(&letter)).ok_or("the store made an operator wait")?;
            marked.map_err(|error| error.to_string())?;
            self.note(|| format!("{letter} is marked as redriven"));
            self.counts.add("dead letters redriven", 1);
            return self.observe(None);
        }
        let letters = at_once(self.store.dead_letters()).ok_or("the store made an operator wait")?;
        let mut letters = letters.map_err(|error| error.to_string())?;
        letters.retain(|letter| letter.status == DeadLetterStatus::Parked);
        if letters.is_empty() {
            return Ok(());
        }
        let letter = letters.swap_remove(self.tape.index(letters.len()));
        let name = letter.id();
        let (topic, from) = self.auditor.record_of(&name).ok_or("a dead letter is of no record")?;
        let mut record = Record::new(letter.key, letter.value);
        for header in letter.headers {
            record = record.with_header(&header.name, &header.value.unwrap_or_default());
        }
        let stood = (letter.source.partition, letter.source.offset);
        let (to, record) = self.produce_again(topic, None, stood, record);
        self.note(|| format!("the dead letter {name} is produced again at {to:?}"));
        self.auditor.produced_again(topic, (from, to), record, false)?;
        self.operator.to_mark = Some(name);
        Ok(())
    }

    /// Produces a record again, unchanged, but with one more header if it has none yet. The header names its first
    /// place. The record goes to its own partition, if that is asked for and still exists, else where its key says.
    fn produce_again(
        &mut self,
        topic: Topic,
        own: Option<usize>,
        (partition, offset): (i32, i64),
        record: Record,
    ) -> (Place, Record) {
        let partitions = self.mappings.of(topic).partitions();
        let to = match (own, record.key.as_deref().map(String::from_utf8_lossy)) {
            (Some(own), _) if own < partitions => own,
            (_, Some(key)) => bucket(&key, partitions),
            (_, None) => self.tape.index(partitions),
        };
        let record = match record.headers.iter().any(|(name, _)| name == REDRIVEN_FROM) {
            true => record,
            false => record.with_header(REDRIVEN_FROM, format!("{}/{partition}/{offset}", topic.name()).as_bytes()),
        };
        self.put(topic, to, record)
    }
}
