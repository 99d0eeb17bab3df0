//! What: What a comparison finds: what differs, what was not looked at, and what is good to know.

use std::collections::BTreeMap;

use serde::Serialize;

/// A kind of thing that is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The stack itself: its parameters and its state.
    Stack,
    /// Functions.
    Functions,
    /// Event source mappings.
    Mappings,
    /// Tables and their streams.
    Tables,
    /// What the roles of functions allow.
    Policies,
    /// Topics.
    Topics,
    /// How topics are set up, which not every login may ask for.
    Configurations,
    /// Consumer groups.
    Groups,
}

impl Kind {
    /// All of them, as they are shown.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Stack, "stack"),
        (Self::Functions, "functions"),
        (Self::Mappings, "mappings"),
        (Self::Tables, "tables"),
        (Self::Policies, "policies"),
        (Self::Topics, "topics"),
        (Self::Configurations, "configurations"),
        (Self::Groups, "groups"),
    ];

    /// The kind of a name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(kind, _)| kind)
    }
}

/// Something that is not as the template says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Its kind.
    pub kind: Kind,
    /// The thing, and which property of it.
    pub what: String,
    /// What is deployed.
    pub deployed: String,
    /// What the template says.
    pub template: String,
    /// What to do.
    pub todo: String,
}

/// Why something was not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// Whoever asks lacks the right to this action.
    NoRight(String),
    /// A service of AWS didn't answer, or refused the whole call.
    NoAnswer(String),
    /// Nobody here can tell.
    Untold(String),
}

/// Something that was not looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NotLooked {
    /// Its kind.
    pub kind: Kind,
    /// The thing, and which property of it.
    pub what: String,
    /// Why not.
    pub why: String,
    /// The kind of the reason.
    pub reason: Reason,
}

/// Why something was not looked at, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// A right is missing.
    NoRight,
    /// A service of AWS didn't answer.
    NoAnswer,
    /// Nobody here can tell.
    Untold,
}

/// All that a comparison finds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// How many things of each kind were looked at.
    pub looked: BTreeMap<Kind, usize>,
    /// What differs.
    pub differences: Vec<Difference>,
    /// What was not looked at.
    pub not_looked: Vec<NotLooked>,
    /// What is good to know, and is no difference.
    pub told: Vec<String>,
    /// How many records wait, by consumer group.
    pub lag: BTreeMap<String, i64>,
}

impl Findings {
    /// One thing of a kind was looked at.
    pub fn look(&mut self, kind: Kind) {
        let count = self.looked.entry(kind).or_default();
        *count = count.saturating_add(1);
    }

    /// Something differs.
    pub fn differs(
        &mut self,
        kind: Kind,
        what: impl Into<String>,
        deployed: impl Into<String>,
        template: impl Into<String>,
        todo: impl Into<String>,
    ) {
        let (what, deployed, template, todo) = (what.into(), deployed.into(), template.into(), todo.into());
        self.differences.push(Difference { kind, what, deployed, template, todo });
    }

    /// Something was not looked at.
    pub fn skip(&mut self, kind: Kind, what: impl Into<String>, why: &Why) {
        let (why, reason) = match why {
            Why::NoRight(action) => (format!("no right to {action}"), Reason::NoRight),
            Why::NoAnswer(text) => (text.clone(), Reason::NoAnswer),
            Why::Untold(text) => (text.clone(), Reason::Untold),
        };
        self.not_looked.push(NotLooked { kind, what: what.into(), why, reason });
    }

    /// How many things of a kind were looked at, differ, and were not looked at.
    #[must_use]
    pub fn counts(&self, kind: Kind) -> (usize, usize, usize) {
        let differ = self.differences.iter().filter(|difference| difference.kind == kind).count();
        let not_looked = self.not_looked.iter().filter(|skipped| skipped.kind == kind).count();
        (self.looked.get(&kind).copied().unwrap_or_default(), differ, not_looked)
    }
}
