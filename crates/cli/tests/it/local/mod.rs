//! The local stack in this process: the template, its event sources, its Lambda.

mod deployment;
mod invoke_call;
mod template;
mod template_parameters;
mod topic_bytes;
mod triggers;
