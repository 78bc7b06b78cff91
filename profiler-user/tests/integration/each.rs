//! One test for every version that firetower supports, and for a build without the GIL: a failure names its version, and
//! the others still run.

use std::path::PathBuf;

use crate::pythons::{build, python, supported};

/// The build without the GIL that every machine has.
const FREE_THREADED: &str = "3.13t";

/// The interpreter that a test of [`each_version`] is for.
pub fn interpreter(name: &str) -> PathBuf {
    if name == FREE_THREADED { build(name) } else { python(name) }
}

/// Calls `$then!` with what it is given and the name of a test and the version for each version.
macro_rules! with_versions {
    ($then:ident $given:tt) => {
        $then! { $given
            python_2_7 "2.7"
            python_3_6 "3.6"
            python_3_7 "3.7"
            python_3_8 "3.8"
            python_3_9 "3.9"
            python_3_10 "3.10"
            python_3_11 "3.11"
            python_3_12 "3.12"
            python_3_13 "3.13"
            python_3_13t "3.13t"
            python_3_14 "3.14"
            python_3_15 "3.15"
        }
    };
}
pub(crate) use with_versions;

/// Makes a test of the function `check(version: &str)` for each version: `check::python_3_11`. The version may be
/// [`FREE_THREADED`], so [`interpreter`] finds its program.
macro_rules! each_version {
    ($check:ident) => {
        $crate::each::with_versions! { each_version ($check) }
    };
    (($check:ident) $($name:ident $minor:literal)*) => {
        mod $check {
            $(
                #[test]
                fn $name() {
                    super::$check($minor);
                }
            )*
        }
    };
}
pub(crate) use each_version;

macro_rules! list {
    (() $($name:ident $minor:literal)*) => {
        [$($minor),*]
    };
}

#[test]
fn each_version_that_is_supported_has_its_tests() {
    let tested = with_versions!(list()).into_iter().filter(|name| *name != FREE_THREADED);
    assert!(supported().eq(tested));
}
