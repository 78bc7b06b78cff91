//! Tests against real interpreters and a real kernel, of the program as a user runs it. One binary, a module per subject.
//! Those that capture need root.

mod accounting;
mod asynchronous;
mod bad_input;
mod containers;
mod dashboards;
mod depth;
mod detection;
mod doctor;
mod embedded;
mod executes;
mod folded;
mod forks;
mod greenlets;
mod hostile;
mod http;
mod lies;
mod line_tables;
mod living;
mod many_threads;
mod metrics;
mod program;
mod pypi;
mod pythons;
mod races;
mod recording;
mod running;
mod servers;
mod service;
mod shares;
mod sources;
mod target;
mod threads;
