//! Tests of the stages together, in one binary: one link instead of many.

mod dashboards;
mod http;
mod metrics;
