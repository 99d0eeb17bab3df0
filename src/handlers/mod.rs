//! One file a Lambda handler, each readable top to bottom.
//!
//! Architecture invariant: handlers know the store's port, never DynamoDB.

pub mod payment_processor;
