//! Plans what is struck in a round, and when. It is pure: a seed and a length in, strikes out.

use std::time::Duration;

/// What is killed or cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Strike {
    /// `kill -9` for a process of the payment-processor.
    Processor,
    /// `kill -9` for a process of the outcome-publisher.
    Publisher,
    /// `kill -9` for the process that polls. Its functions' processes outlive it for as long as their invocations take.
    Poller,
    /// The topic of requests deleted and created again.
    Topic,
    /// `kill -9` for this broker, which stays away for so long.
    Broker(usize, Duration),
    /// DynamoDB's endpoint cut for so long.
    Cut(Duration),
    /// `kill -9` for DynamoDB itself, which stays away for so long.
    Engine(Duration),
}

/// Strikes of one kind, which follow on one another: when, and what.
pub(super) type Lane = Vec<(Duration, Strike)>;

/// What a round does to its parts; lanes go side by side.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    pub(super) processors: Lane,
    pub(super) publishers: Lane,
    pub(super) pollers: Lane,
    pub(super) topics: Lane,
    pub(super) brokers: Lane,
    /// Cuts and kills: one place, so one after the other.
    pub(super) dynamodb: Lane,
}

impl Schedule {
    /// Strikes at random times of a storm of this length, at least one of each kind. Payments are published for a part
    /// of it, and the topic is created again within that part.
    pub(super) fn new(seed: u64, length: Duration, publishing: Duration, brokers: usize) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut lane = |every_s: u64, strike: &dyn Fn(&mut fastrand::Rng) -> Strike| -> Lane {
            let count = (length.as_secs() / every_s).max(1);
            let mut at = || Duration::from_millis(random.u64(0..length.as_millis() as u64));
            let mut moments: Vec<Duration> = (0..count).map(|_| at()).collect();
            moments.sort();
            moments.into_iter().map(|at| (at, strike(&mut random))).collect()
        };
        let between =
            |random: &mut fastrand::Rng, least: u64, most: u64| Duration::from_millis(random.u64(least..=most));
        let processors = lane(3, &|_| Strike::Processor);
        let publishers = lane(3, &|_| Strike::Publisher);
        let pollers = lane(12, &|_| Strike::Poller);
        let brokers = lane(15, &|random| Strike::Broker(random.usize(0..brokers), between(random, 500, 4_000)));
        let cuts = lane(10, &|random| Strike::Cut(between(random, 200, 4_000)));
        let kills = lane(25, &|random| Strike::Engine(between(random, 100, 2_000)));
        let mut dynamodb = [cuts, kills].concat();
        dynamodb.sort();
        let topics = (publishing.as_secs() / 20).max(1) as u32;
        // Each in the middle of its part, so that there is enough on either side.
        let anew = |ix: u32| (publishing * (100 * ix + random.u32(35..65)) / (100 * topics), Strike::Topic);
        let topics = (0..topics).map(anew).collect();
        Self { processors, publishers, pollers, topics, brokers, dynamodb }
    }
}

#[test]
fn a_seed_strikes_the_same_again_and_every_part_at_least_once() {
    let schedule = |seed, seconds| {
        let length = Duration::from_secs(seconds);
        Schedule::new(seed, length, length, 3)
    };
    let short = schedule(7, 5);
    assert_eq!(short, schedule(7, 5));
    assert_ne!(short, schedule(8, 5));
    for lane in [&short.processors, &short.publishers, &short.pollers, &short.topics, &short.brokers] {
        assert_eq!(lane.len(), 1);
    }
    assert_eq!(short.dynamodb.len(), 2);
    let long = schedule(7, 50);
    assert_eq!((long.processors.len(), long.topics.len(), long.brokers.len(), long.dynamodb.len()), (16, 2, 3, 7));
}
