//! One test for every version that firetower supports: a failure names its version, and the others still run.

use crate::pythons::supported;

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
            python_3_14 "3.14"
            python_3_15 "3.15"
        }
    };
}
pub(crate) use with_versions;

/// Makes a test of the function `check(minor: &str)` for each version: `check::python_3_11`.
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
    let tested = with_versions!(list());
    assert_eq!(supported().collect::<Vec<_>>(), tested);
}
