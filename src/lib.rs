//! What: Giro settles payments that arrive on Kafka.
//!
//! This library and the binaries of `src/bin` are what deploys. Modules in reading order:
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | the rules: pure, no I/O |
//! | [`wire`] | bytes to domain and back; the only serde |
//! | [`store`] | the ports to the ledger, and DynamoDB behind them |
//! | [`publish`] | the ports to Kafka, to publish and to read what comes; librdkafka behind them |
//! | [`settle`] | settles a batch of payments: one match over what must be done next |
//! | [`account_commands`] | applies account commands, each by itself |
//! | [`audit`] | scans whole tables, and lets the domain judge them |
//! | [`balances`] | balances at any time, by checkpoints and postings |
//! | [`handlers`] | one file a Lambda handler |
//! | [`config`], [`aws`], [`telemetry`] | environment in, the SDK configured, logs out |
//!
//! Arrows: `bin → handlers → {wire, settle, account_commands} → {store's ports, domain}`. Account commands use the
//! dispositions, reads and waits of `settle`. The domain knows no other module. Wire and store don't know each other.
//! Handlers know ports, never DynamoDB. Only bins, `crates/` and tests name an adapter. Nothing here knows `crates/`.
//! `tests/it/tidy.rs` holds this.
//!
//! This settles one payment on a ledger in memory; `examples/settle_a_batch.rs` settles several:
//!
//! ```
//! use giro::domain::account_command::{Terms, opened};
//! use giro::domain::{Batch, CreditLanes, OverdraftLimit, Request, Source, Timestamp};
//! use giro::settle::{Backoff, Disposition, settle};
//! use giro::wire::payment_request;
//! use giro_testkit::memory_store::MemoryStore;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let (store, overdraft_limit) = (MemoryStore::new(), OverdraftLimit::Unlimited);
//! let (currency, credit_lanes) = ("EUR".parse().unwrap(), CreditLanes::NONE);
//! let terms = Terms { currency, overdraft_limit, credit_lanes, owner: None };
//! for name in ["alice", "shop"] {
//!     store.insert_account(opened(&name.parse().unwrap(), terms.clone(), Timestamp::EPOCH));
//! }
//! let json = br#"{"payment_id":"p1","debtor_account":"alice","creditor_account":"shop","amount":7,"currency":"EUR"}"#;
//! let source = Source { topic: "payment-requests".into(), partition: 0, offset: 0 };
//! let request = Request::new(payment_request::decode_json(json).unwrap().into(), source);
//! let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
//! let batch = Batch::new(vec![request]);
//! let settled = settle(&store, &batch, deadline, || Timestamp::EPOCH, Backoff::new()).await;
//! assert_eq!(settled.dispositions, [Disposition::Decided(Ok(()))]);
//! # }
//! ```
//!
//! Invariants (each is tested, also while errors are injected):
//!
//! 1. A payment id has at most one outcome, for ever. It doesn't matter what is delivered again, in which batch, and to
//!    how many workers.
//! 2. A settled payment moved its amount exactly once from debtor to creditor. A declined one moved nothing.
//! 3. No balance goes below its overdraft limit, at any moment.
//! 4. Per currency, all balances sum to zero. Every balance equals the sum of its settled postings.
//! 5. Payments of one debtor on one partition are decided in offset order, unless the debtor pays from lanes.
//! 6. Each record becomes an outcome, a replay, a dead letter with its bytes, or a reported failure, and nothing else.
//!    It is tried, however old it is and whatever record its place had before.

pub mod account_commands;
pub mod audit;
pub mod aws;
pub mod balances;
pub mod config;
pub mod domain;
pub mod handlers;
pub mod publish;
pub mod settle;
pub mod store;
pub mod telemetry;
pub mod wire;
