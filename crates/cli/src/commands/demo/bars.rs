//! What: Draws latencies as bars of text, and says what makes figures small.

use std::iter::successors;
use std::thread::available_parallelism;

use hdrhistogram::Histogram;

/// How long the longest bar is, in characters.
const LONGEST: u64 = 40;

/// Where ranges end, in milliseconds, up to two seconds. Most latencies are there, so these ranges are narrow.
const NARROW: [u64; 20] =
    [1, 2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_250, 1_500, 1_750, 2_000];

/// A bar for each range of latencies. After the narrow ranges, each ends at twice the end of the one before. Ranges
/// before the first and after the last latency are left out.
pub(super) fn of(latency_ms: &Histogram<u64>) -> Vec<String> {
    let mut ranges = Vec::new();
    let wide = successors(NARROW.last().copied(), |end| end.checked_mul(2)).skip(1);
    let mut low: u64 = 0;
    for high in NARROW.into_iter().chain(wide) {
        if low > latency_ms.max() {
            break;
        }
        ranges.push((high, latency_ms.count_between(low, high)));
        low = high.saturating_add(1);
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
                &format!("  up to      5 ms        80  {long}"),
                "  up to     10 ms        20  ##########",
                "  up to     20 ms         0",
                "  up to     30 ms         0",
                "  up to     50 ms         1  #",
            ]
        );
    }

    /// Whoever waits a second sees more than one bar, and whoever waits a minute is counted too.
    #[test]
    fn each_latency_is_in_one_range() {
        let mut latency = Histogram::new(3).unwrap();
        for ms in [1_001, 1_250, 1_251, 2_000, 2_001, 60_000] {
            latency.record(ms).unwrap();
        }
        let bar = "#".repeat(40);
        let half = "#".repeat(20);
        assert_eq!(
            of(&latency),
            [
                format!("  up to   1250 ms         2  {bar}"),
                format!("  up to   1500 ms         1  {half}"),
                "  up to   1750 ms         0".to_owned(),
                format!("  up to   2000 ms         1  {half}"),
                format!("  up to   4000 ms         1  {half}"),
                "  up to   8000 ms         0".to_owned(),
                "  up to  16000 ms         0".to_owned(),
                "  up to  32000 ms         0".to_owned(),
                format!("  up to  64000 ms         1  {half}"),
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
