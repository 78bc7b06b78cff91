//! Tests against real interpreters and a real kernel: one binary, a module per subject.

mod detection;
mod hostile;
mod line_tables;
mod pythons;
mod target;
