//! The library as `make mutants` builds it: what the rules need, and in one piece with the tests that decide them, so that
//! a mutant is one compilation and one link. The tests are those of `tests/it`, which `make test` runs.

pub mod audit;
pub mod aws;
pub mod domain;
pub mod settle;
pub mod store;
pub mod wire;

#[cfg(test)]
extern crate self as giro;

#[cfg(test)]
#[path = "../tests/it"]
mod it {
    mod account_commands;
    mod answers;
    mod auditing;
    mod command_grounds;
    mod engine;
    mod grounds;
    mod lanes;
    mod plan;
    mod scenarios;
    mod settling;
    mod statements;
    mod store_contract;
    mod wire;
    mod worlds;
}
