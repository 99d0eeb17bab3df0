//! `giro doctor`: what is deployed against what the template asks for.

mod answers;
mod differences;
mod functions;
mod given;
mod groups;
mod mappings;
mod policies;
mod rights;
mod tables;
mod template;
mod topics;
