//! What: Shows workers and answers, for the lines of a history.

use giro::domain::{Account, Lane, Recorded};
use giro::store::{CommandCommit, Commit, Read};

use super::step::How;
use crate::simulate::auditor::answer_of;
use crate::simulate::network::Answer;
use crate::simulate::world::calls::{happened, show_cancelled, show_cancelled_command};

/// A worker's letter.
pub(super) fn name(number: u64) -> String {
    let letter = u8::try_from(number).ok().and_then(|number| b'A'.checked_add(number)).unwrap_or(b'?');
    char::from(letter).to_string()
}

fn found<T>(read: &Read<T>, show: impl Fn(&T) -> String) -> String {
    match read {
        Read::Found(item) => show(item),
        Read::Missing => "missing".to_owned(),
        Read::Corrupt(_) | Read::Unread => "not read".to_owned(),
    }
}

/// An answer, and how its call was carried out.
pub(super) fn shown(answer: &Answer, how: How) -> String {
    let answer = if happened(answer) {
        "applied".to_owned()
    } else if let Answer::Commit(Ok(Commit::Cancelled(cancelled))) = answer {
        show_cancelled(cancelled).trim_start().to_owned()
    } else if let Answer::Command(Ok(CommandCommit::Cancelled(cancelled))) = answer {
        show_cancelled_command(cancelled).trim_start().to_owned()
    } else if let Answer::Read(Ok(reads)) = answer {
        let main = |main: &Account| format!("{} {} v{}", main.balance, main.status, main.version);
        reads.iter().map(|read| found(read, main)).collect::<Vec<_>>().join(", ")
    } else if let Answer::ReadLanes(Ok(reads)) = answer {
        let lane = |lane: &Lane| format!("{} {} v{}", lane.balance, lane.status, lane.version);
        reads.iter().map(|read| found(read, lane)).collect::<Vec<_>>().join(", ")
    } else if let Answer::ReadPayments(Ok(reads)) = answer {
        let payment = |payment: &Recorded| answer_of(payment.outcome.decision).to_owned();
        reads.iter().map(|read| found(read, payment)).collect::<Vec<_>>().join(", ")
    } else {
        format!("{answer:?}")
    };
    match how {
        How::Slowly(late) => format!("{answer}; items {late:#b} are seen later"),
        How::Whole | How::InTwo(_) => answer,
    }
}
