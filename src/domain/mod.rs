//! What: The rules of Giro: what a payment is, when it is declined, and how decisions become transactions.
//!
//! Data: Takes payments and a snapshot of accounts. Gives decisions, then transactions to commit.
//!
//! Reading order: [`id`], [`money`], [`timestamp`], [`limits`], [`credit_lanes`], [`principal`], [`account`], [`lane`],
//! [`mod@slice`], [`source`], [`trace`], [`transfer`], [`payment`], [`legs`], [`refund`], [`instruction`], [`decline`],
//! [`sight`], [`caller`], [`newer_outcome`], [`originals`], [`batch`], [`decide`], [`plan`], [`account_command`],
//! [`statement`], [`dead_letter`], [`audit`], [`balance_at`].
//!
//! Invariants: This module is pure: no I/O, no async, no clock, no serde, no AWS. It knows no other module of the
//! crate. Time and identifiers come in as values.

pub mod account;
pub mod account_command;
pub mod audit;
pub mod balance_at;
pub mod batch;
pub mod caller;
pub mod credit_lanes;
pub mod dead_letter;
pub mod decide;
pub mod decline;
pub mod id;
pub mod instruction;
pub mod lane;
pub mod legs;
pub mod limits;
pub mod money;
pub mod newer_outcome;
pub mod originals;
pub mod payment;
pub mod plan;
pub mod principal;
pub mod refund;
pub mod sight;
pub mod slice;
pub mod source;
pub mod statement;
pub mod timestamp;
pub mod trace;
pub mod transfer;

pub use account::{Account, AccountStatus, OverdraftLimit};
pub use account_command::{AccountCommand, CommandRequest, Refusal};
pub use batch::{AccountIx, Batch, RequestIx};
pub use credit_lanes::{CreditLanes, LaneId};
pub use dead_letter::{DeadLetter, DeadLetterId, Header};
pub use decline::Decline;
pub use id::{AccountId, CommandId, PaymentId};
pub use instruction::{Decision, Instruction, Outcome, Recorded, Request};
pub use lane::{Holding, Lane};
pub use legs::{Leg, LegId, LegNumber, LeggedPayment, Legs, SettledLeg};
pub use limits::{AccountLimits, Limits, Period};
pub use money::{Amount, Balance, Currency};
pub use newer_outcome::NewerOutcome;
pub use payment::{Fingerprint, Payment};
pub use principal::Principal;
pub use refund::{Refund, Repayment};
pub use sight::Sight;
pub use slice::Slice;
pub use source::Source;
pub use timestamp::Timestamp;
pub use trace::Trace;
pub use transfer::Transfer;
