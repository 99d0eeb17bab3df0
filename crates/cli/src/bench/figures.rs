//! What: The figures of a run: rates and ratios, each with a name that holds its unit.
//!
//! Data: Takes what was measured. Gives numbers for people and for programs. The names are stable.
#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "rates and ratios, for people"
)]

use std::time::Duration;

use serde_json::Value;

use super::modelled::Measured;
use super::offered::Offered;

/// A figure of what was measured.
#[derive(Debug)]
pub struct FigureOf<T> {
    /// Its name, with its unit.
    pub name: &'static str,
    /// What it is.
    pub meaning: &'static str,
    /// How many decimals are shown.
    decimals: usize,
    of: fn(&T) -> f64,
}

impl<T> FigureOf<T> {
    /// The figure.
    pub fn of(&self, measured: &T) -> f64 {
        (self.of)(measured)
    }

    /// The figure as shown to people.
    pub fn shown(&self, measured: &T) -> String {
        format!("{:.*}", self.decimals, self.of(measured))
    }

    /// The figure as JSON, with the decimals that people see.
    pub fn json(&self, measured: &T) -> Value {
        let shown = self.shown(measured);
        let number = if self.decimals == 0 { shown.parse::<i64>().map(Value::from).ok() } else { None };
        number.or_else(|| shown.parse::<f64>().map(Value::from).ok()).unwrap_or(Value::Null)
    }
}

/// The figure in the middle; of an even number, the higher of the two.
pub(super) fn median(figures: impl Iterator<Item = f64>) -> f64 {
    let mut found: Vec<f64> = figures.collect();
    found.sort_by(f64::total_cmp);
    found.get(found.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Payments a second.
pub const RATE: FigureOf<Measured> = FigureOf {
    name: "payments_per_s",
    meaning: "payments/s: the sum of the partitions' own rates; with keys as drawn or with --rate, all records by the \
              time until the last answer",
    decimals: 0,
    of: Measured::payments_a_second,
};
/// The time of a batch at the median.
pub const BATCH_P50: FigureOf<Measured> = FigureOf {
    name: "batch_p50_ms",
    meaning: "from a batch's delivery to its answer, in milliseconds: the longest of the faster half",
    decimals: 0,
    of: |measured| measured.batch_ms(50),
};
/// The slowest but one in a hundred batches.
pub const BATCH_P99: FigureOf<Measured> = FigureOf {
    name: "batch_p99_ms",
    meaning: "the same, at the 99th percentile",
    decimals: 0,
    of: |measured| measured.batch_ms(99),
};
/// The time of the slowest batch.
pub const BATCH_MAX: FigureOf<Measured> = FigureOf {
    name: "batch_max_ms",
    meaning: "the same, the longest",
    decimals: 0,
    of: |measured| measured.batch_ms(100),
};
/// Write units a payment.
pub const WRITE_UNITS: FigureOf<Measured> = FigureOf {
    name: "write_units_per_payment",
    meaning: "write request units a payment, those of cancelled transactions and of indexes included",
    decimals: 3,
    of: Measured::write_units_a_payment,
};
/// Write units in multiples of the floor.
pub const AGAINST_THE_FLOOR: FigureOf<Measured> = FigureOf {
    name: "write_units_per_floor",
    meaning: "write units in multiples of the floor: each payment written once, each account once a batch",
    decimals: 3,
    of: Measured::against_the_floor,
};
/// Read units a payment.
pub const READ_UNITS: FigureOf<Measured> = FigureOf {
    name: "read_units_per_payment",
    meaning: "read request units a payment",
    decimals: 3,
    of: Measured::read_units_a_payment,
};
/// Rounds a batch.
pub const ROUNDS: FigureOf<Measured> = FigureOf {
    name: "rounds_per_batch",
    meaning: "how often what was pending in a batch was decided and planned, on average, with the rounds that only \
              waited for free lanes",
    decimals: 2,
    of: |measured| measured.rounds as f64 / measured.batch_times.len() as f64,
};
/// Conflicts a transaction.
pub const CONFLICTS: FigureOf<Measured> = FigureOf {
    name: "conflicts_per_transaction",
    meaning: "transactions that another in flight cancelled, a transaction sent",
    decimals: 4,
    of: |measured| match measured.usage.transactions {
        0 => 0.0,
        sent => measured.hindrances.conflicts as f64 / sent as f64,
    },
};
/// Cancelled transactions.
pub const CANCELLED: FigureOf<Measured> = FigureOf {
    name: "cancelled_transactions",
    meaning: "transactions cancelled for any reason, in all: conflicts, throttles, conditions that failed",
    decimals: 0,
    of: |measured| measured.usage.cancelled as f64,
};

/// The figures of every run.
pub const OF_A_RUN: [FigureOf<Measured>; 19] = [
    RATE,
    BATCH_P50,
    BATCH_P99,
    BATCH_MAX,
    WRITE_UNITS,
    AGAINST_THE_FLOOR,
    READ_UNITS,
    FigureOf {
        name: "calls_per_payment",
        meaning: "calls to DynamoDB a payment",
        decimals: 4,
        of: Measured::calls_a_payment,
    },
    ROUNDS,
    CONFLICTS,
    CANCELLED,
    FigureOf {
        name: "throttled_calls",
        meaning: "transactions cancelled because a partition key had no units left, in all",
        decimals: 0,
        of: |measured| measured.hindrances.throttled as f64,
    },
    FigureOf {
        name: "lane_items",
        meaning: "items of lanes that exist at the end",
        decimals: 0,
        of: |measured| measured.lane_items as f64,
    },
    FigureOf {
        name: "batches",
        meaning: "batches delivered",
        decimals: 0,
        of: |measured| measured.batch_times.len() as f64,
    },
    FigureOf { name: "records", meaning: "records delivered", decimals: 0, of: |measured| measured.records as f64 },
    FigureOf { name: "payments", meaning: "different payments", decimals: 0, of: |measured| measured.payments as f64 },
    FigureOf {
        name: "settled",
        meaning: "records that settled",
        decimals: 0,
        of: |measured| measured.ends.settled as f64,
    },
    FigureOf {
        name: "declined",
        meaning: "records that were declined",
        decimals: 0,
        of: |measured| measured.ends.declined as f64,
    },
    FigureOf {
        name: "replayed",
        meaning: "records whose payment had its outcome",
        decimals: 0,
        of: |measured| measured.ends.replayed as f64,
    },
];

/// The figures of offered load beside those.
pub const OF_AN_OFFER: [FigureOf<Offered>; 5] = [
    FigureOf {
        name: "latency_p50_ms",
        meaning: "from the time at which a record was due until its batch was answered, in milliseconds",
        decimals: 0,
        of: |offered| per_mille_ms(&offered.latencies, 500),
    },
    FigureOf {
        name: "latency_p99_ms",
        meaning: "the same, at the 99th percentile",
        decimals: 0,
        of: |offered| per_mille_ms(&offered.latencies, 990),
    },
    FigureOf {
        name: "latency_p99_9_ms",
        meaning: "the same, at the 99.9th percentile",
        decimals: 0,
        of: |offered| per_mille_ms(&offered.latencies, 999),
    },
    FigureOf {
        name: "backlog_at_end_records",
        meaning: "records without an answer when the last one was due",
        decimals: 0,
        of: |offered| offered.backlog as f64,
    },
    FigureOf {
        name: "partitions_with_growing_backlog",
        meaning: "partitions with more records open in the last quarter of the time than in the second, by more than \
                  half a batch",
        decimals: 0,
        of: |offered| offered.growing as f64,
    },
];

/// What each figure is, a line each.
pub fn meanings() -> impl Iterator<Item = (&'static str, &'static str)> {
    let of_a_run = OF_A_RUN.iter().map(|figure| (figure.name, figure.meaning));
    of_a_run.chain(OF_AN_OFFER.iter().map(|figure| (figure.name, figure.meaning)))
}

impl Measured {
    /// Payments a second of all partitions together. A partition that finishes early would have its next batch.
    #[must_use]
    pub fn payments_a_second(&self) -> f64 {
        let rate = |(records, took): &(u64, Duration)| *records as f64 / took.as_secs_f64();
        self.paces.iter().map(rate).sum()
    }

    /// The same, as a whole number.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is never below zero")]
    #[must_use]
    pub fn whole_payments_a_second(&self) -> u64 {
        self.payments_a_second() as u64
    }

    /// Calls to DynamoDB for each payment.
    #[must_use]
    pub fn calls_a_payment(&self) -> f64 {
        let usage = self.usage;
        usage.calls() as f64 / self.payments as f64
    }

    /// Write units for each payment.
    #[must_use]
    pub fn write_units_a_payment(&self) -> f64 {
        self.usage.write_milliunits as f64 / 1_000.0 / self.payments as f64
    }

    /// Read units for each payment.
    #[must_use]
    pub fn read_units_a_payment(&self) -> f64 {
        self.usage.read_milliunits as f64 / 1_000.0 / self.payments as f64
    }

    /// Write units, in multiples of the floor.
    #[must_use]
    pub fn against_the_floor(&self) -> f64 {
        let (payments, touched) = (self.payments as f64, self.accounts_touched as f64);
        let floor = 2.0 * (payments + touched) / payments + 2.0;
        self.write_units_a_payment() / floor
    }

    /// The time of a batch at this percentile, in milliseconds.
    #[must_use]
    pub fn batch_ms(&self, percent: usize) -> f64 {
        percentile_ms(&self.batch_times, percent)
    }
}

/// A percentile of ascending times, in milliseconds: the smallest time that this many of a hundred don't exceed.
#[must_use]
pub fn percentile_ms(ascending: &[Duration], percent: usize) -> f64 {
    per_mille_ms(ascending, percent.saturating_mul(10))
}

/// The same, by thousandths.
fn per_mille_ms(ascending: &[Duration], thousandths: usize) -> f64 {
    let rank = ascending.len().saturating_mul(thousandths).div_ceil(1_000).max(1);
    ascending.get(rank.saturating_sub(1)).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
}
