//! Tests against real interpreters and a real kernel, of the program as a user runs it. One binary, a module per subject.
//! Those that capture need root.

mod accounting;
mod bad_input;
mod builds;
mod dashboards;
mod depth;
mod detection;
mod doctor;
mod dump;
mod dump_command;
mod dump_hostile;
mod each;
mod embedded;
mod folded;
mod forks;
mod hostile;
mod http;
mod line_tables;
mod metrics;
mod program;
mod pythons;
mod races;
mod recordings;
mod reused;
mod running;
mod samples;
mod service;
mod shares;
mod short;
mod subinterpreters;
mod target;
mod threads;
