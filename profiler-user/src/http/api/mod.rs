//! The API, version 1: routes under `/api/v1`, and the pictures and files that are made of the same questions.
//!
//! [`routes`] lists every route; the router, the description in OpenAPI and the tests are made of that list. It must not
//! know how samples are taken, who may ask, nor connections.

mod answer;
mod chart;
mod compute;
mod debug;
mod diff;
mod formats;
mod given;
mod heatmap;
mod live;
mod openapi;
mod parameters;
mod picture;
mod processes;
mod profile;
mod range;
mod routes;
pub(crate) mod selector;
mod source;
mod tables;
pub(crate) mod time;

use axum::extract::Query;
use axum::extract::rejection::QueryRejection;

use super::error::HttpError;
use crate::render::call_tree as tree;

pub(crate) use diff::comparison;
pub(super) use routes::{paths, router};
pub(super) use source::READERS;

/// The pairs of a query string, decoded, in their order.
type Pairs = Result<Query<Vec<(String, String)>>, QueryRejection>;

fn decoded(pairs: Pairs) -> Result<Vec<(String, String)>, HttpError> {
    let Query(pairs) = pairs.map_err(|error| {
        HttpError::bad_request(
            format!("the query can't be read: {}", error.body_text()),
            "name=value&name=value",
        )
    })?;
    Ok(pairs)
}
