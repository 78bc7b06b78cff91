//! Tags of contents: who has a content already is told so instead of being sent it again. It must not know what it is.

use axum::http::{HeaderMap, header};
use sha2::{Digest, Sha256};

/// The tag of these bytes, as `ETag` has it. Weak: compression changes the bytes.
pub(super) fn of(bytes: &[u8]) -> String {
    format!("W/\"{}\"", hex::encode(&Sha256::digest(bytes)[..16]))
}

/// Whether the asker has the content with this tag.
pub(super) fn has(headers: &HeaderMap, tag: &str) -> bool {
    let strong = tag.trim_start_matches("W/");
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let tags = values.flat_map(|value| value.split(',')).map(str::trim);
    tags.into_iter().any(|known| known == "*" || known.trim_start_matches("W/") == strong)
}
