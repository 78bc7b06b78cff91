//! The JSON that is not one route's: errors and health. Fields are only ever added. It must know nothing of routes and
//! statuses.
//!
//! Units are in the names; what is not known is `null`, never 0 or empty.

use serde::Serialize;
use utoipa::ToSchema;

/// Every answer that is not a success.
#[derive(Serialize, ToSchema)]
pub(super) struct Error<'a> {
    /// What happened.
    pub(super) error: &'a str,
    /// What to do.
    pub(super) hint: &'a str,
}

/// `/healthz` and `/readyz`.
#[derive(Serialize, ToSchema)]
#[schema(as = Health)]
pub(super) struct Status {
    pub(super) status: &'static str,
}
