//! What: Draws latencies as bars of text, and says what makes figures small.

use std::thread::available_parallelism;

use hdrhistogram::Histogram;

/// How long the longest bar is, in characters.
const LONGEST: u64 = 40;

/// A bar for each range of latencies, each range twice as wide as the one before. Ranges before the first and after the
/// last latency are left out.
pub(super) fn of(latency_ms: &Histogram<u64>) -> Vec<String> {
    let mut ranges = Vec::new();
    let (mut low, mut high): (u64, u64) = (0, 1);
    while low <= latency_ms.max() && high < u64::MAX {
        ranges.push((high, latency_ms.count_between(low, high)));
        low = high.saturating_add(1);
        high = high.saturating_mul(2);
    }
    let most = ranges.iter().map(|(_, count)| *count).max().unwrap_or_default();
    let bar = |(high, count): &(u64, u64)| {
        let length = count.saturating_mul(LONGEST).checked_div(most).unwrap_or_default();
        // One payment is seen too.
        let length = usize::try_from(length.max(u64::from(*count > 0))).unwrap_or_default();
        format!("  up to {high:>6} ms {count:>9}  {}", "#".repeat(length)).trim_end().to_owned()
    };
    ranges.iter().skip_while(|(_, count)| *count == 0).map(bar).collect()
}

/// What makes the figures of this run smaller than they could be.
pub(super) fn notes() -> Vec<String> {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let processors = available_parallelism().map_or(1, usize::from);
    let mut notes = Vec::new();
    if cfg!(debug_assertions) {
        notes.push("this is a debug build: a release build is several times as fast".to_owned());
    }
    notes.extend(busy(&load, processors));
    notes
}

/// Whether others used the processors already, by the text of `/proc/loadavg`.
fn busy(load: &str, processors: usize) -> Option<String> {
    let average = load.split_whitespace().next()?;
    let whole = average.split('.').next()?.parse::<usize>().ok()?;
    let text = || format!("the machine was busy before: a load average of {average} on {processors} processors");
    (whole >= processors).then(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_bars() {
        let mut latency = Histogram::new(3).unwrap();
        assert_eq!(of(&latency), Vec::<String>::new());
        latency.record_n(3, 80).unwrap();
        latency.record_n(9, 20).unwrap();
        latency.record(40).unwrap();
        let long = "#".repeat(40);
        assert_eq!(
            of(&latency),
            [
                &format!("  up to      4 ms        80  {long}"),
                "  up to      8 ms         0",
                "  up to     16 ms        20  ##########",
                "  up to     32 ms         0",
                "  up to     64 ms         1  #",
            ]
        );
    }

    #[test]
    fn a_machine_is_busy_when_its_load_fills_it() {
        assert_eq!(busy("1.99 0 0 1/2 3", 2), None);
        let told = "the machine was busy before: a load average of 2.10 on 2 processors";
        assert_eq!(busy("2.10 0 0 1/2 3", 2).as_deref(), Some(told));
        assert_eq!(busy("", 2), None);
    }
}
