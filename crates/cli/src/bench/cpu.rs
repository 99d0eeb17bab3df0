//! What: Reads the CPU time of processes, as Linux shows it.
//!
//! Data: Takes the files below `/proc`. Gives CPU time by program. Elsewhere than on Linux there is none.
//!
//! Limits: The CPU time of a process that has ended isn't seen.
//!
//! Source: `proc_pid_stat(5)`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use giro_testkit::dynamodb;

/// One tick of the kernel's count.
const TICK: Duration = Duration::from_millis(10);

/// CPU time by the name of its program.
pub type Cpu = BTreeMap<String, Duration>;

/// The name under which the threads of the embedded DynamoDB are counted. They are counted apart from their process.
pub const EMBEDDED_DYNAMODB: &str = "dynamodb";

/// What the kernel says of a process or a thread.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    name: String,
    parent: u32,
    used: Duration,
}

impl Stat {
    fn at(folder: &Path) -> Option<Self> {
        Self::read(&std::fs::read_to_string(folder.join("stat")).ok()?)
    }

    /// The name is the second field. It may hold spaces, and ends with the last parenthesis. The parent is the fourth.
    /// Time in user mode and in the kernel are the 14th and 15th, in ticks.
    fn read(text: &str) -> Option<Self> {
        let (before, after) = text.rsplit_once(')')?;
        let (_, name) = before.split_once('(')?;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let ticks = fields.get(11..13)?.iter().map(|ticks| ticks.parse::<u32>());
        let ticks = ticks.sum::<Result<u32, _>>().ok()?;
        Some(Self { name: name.to_owned(), parent: fields.get(1)?.parse().ok()?, used: TICK.saturating_mul(ticks) })
    }
}

/// The CPU time of this process so far. It is zero if the kernel doesn't show it.
#[must_use]
pub fn of_this_process() -> Duration {
    Stat::at(Path::new("/proc/self")).map_or(Duration::ZERO, |stat| stat.used)
}

/// The CPU time so far of the embedded DynamoDB in this process.
#[must_use]
pub fn of_own_dynamodb() -> Duration {
    of_threads(Path::new("/proc/self"), dynamodb::THREAD)
}

/// The CPU time so far of the processes that this one has started, and of those that they have started.
#[must_use]
pub fn of_descendants() -> Cpu {
    let mut processes: BTreeMap<u32, Stat> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some((pid, stat)) = pid.and_then(|pid| Some((pid, Stat::at(&entry.path())?))) {
            processes.insert(pid, stat);
        }
    }
    let mut used = Cpu::new();
    for pid in descendants(std::process::id(), &processes) {
        let Some(stat) = processes.get(&pid) else { continue };
        let folder = Path::new("/proc").join(pid.to_string());
        let program = std::fs::read_link(folder.join("exe")).unwrap_or_default();
        let program = program.file_name().map_or_else(|| stat.name.clone(), |name| name.to_string_lossy().into_owned());
        let dynamodb = of_threads(&folder, dynamodb::THREAD);
        add(&mut used, program, stat.used.saturating_sub(dynamodb));
        if !dynamodb.is_zero() {
            add(&mut used, EMBEDDED_DYNAMODB.to_owned(), dynamodb);
        }
    }
    used
}

/// How much more each program has used than before.
#[must_use]
pub fn since(now: &Cpu, before: &Cpu) -> Cpu {
    let used = |(name, used): (&String, &Duration)| {
        (name.clone(), used.saturating_sub(before.get(name).copied().unwrap_or_default()))
    };
    now.iter().map(used).collect()
}

fn add(used: &mut Cpu, program: String, more: Duration) {
    let sum = used.entry(program).or_default();
    *sum = sum.saturating_add(more);
}

fn descendants(root: u32, processes: &BTreeMap<u32, Stat>) -> BTreeSet<u32> {
    let mut found = BTreeSet::new();
    let mut parents = vec![root];
    while let Some(parent) = parents.pop() {
        for (pid, _) in processes.iter().filter(|(_, stat)| stat.parent == parent) {
            if found.insert(*pid) {
                parents.push(*pid);
            }
        }
    }
    found
}

/// The CPU time of the threads of a process that have this name.
fn of_threads(process: &Path, name: &str) -> Duration {
    let threads = std::fs::read_dir(process.join("task")).into_iter().flatten().flatten();
    let threads = threads.filter_map(|thread| Stat::at(&thread.path()));
    threads.filter(|thread| thread.name == name).fold(Duration::ZERO, |sum, thread| sum.saturating_add(thread.used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(name: &str, parent: u32, user: u32, kernel: u32) -> String {
        format!("7 ({name}) S {parent} 7 7 0 -1 4194560 1 2 3 4 {user} {kernel} 5 6 20 0 1 0 99 1 1")
    }

    #[test]
    fn a_stat_is_read_whatever_the_name() {
        for name in ["giro", "a b", "(x) y)", ""] {
            let expected = Stat { name: name.to_owned(), parent: 3, used: Duration::from_millis(420) };
            assert_eq!(Stat::read(&stat(name, 3, 40, 2)), Some(expected));
        }
        for broken in ["", "7 (giro", "7 (giro) S 1", "7 (giro) S x 7 7 0 -1 4194560 1 2 3 4 5 6 5 6"] {
            assert_eq!(Stat::read(broken), None, "{broken}");
        }
    }

    #[test]
    fn processes_of_processes_are_descendants() {
        let parents = [(1, 0), (2, 1), (3, 2), (4, 3), (5, 1), (6, 3), (9, 9)];
        let process = |(pid, parent)| (pid, Stat { name: String::new(), parent, used: Duration::ZERO });
        let processes = parents.into_iter().map(process).collect();
        assert_eq!(descendants(2, &processes), BTreeSet::from([3, 4, 6]));
        assert_eq!(descendants(4, &processes), BTreeSet::new());
    }

    #[test]
    fn what_was_used_before_is_not_counted() {
        let of = |pairs: &[(&str, u64)]| -> Cpu {
            pairs.iter().map(|(name, ms)| ((*name).to_owned(), Duration::from_millis(*ms))).collect()
        };
        let since = since(&of(&[("a", 50), ("b", 20), ("c", 5)]), &of(&[("a", 20), ("b", 20), ("d", 9)]));
        assert_eq!(since, of(&[("a", 30), ("b", 0), ("c", 5)]));
    }
}
