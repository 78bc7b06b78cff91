//! The parameters of a request for a profile. Unknown and absurd ones are refused with what is allowed: a typo that is
//! ignored shows the wrong picture. It must not know what the parameters are used for.

use super::error::HttpError;
use crate::model::Pid;

/// Most processes that one request may name.
const MAX_PIDS: usize = 64;
/// Seconds, if none are given and that many are kept.
const DEFAULT_SECONDS: u64 = 60;
/// Share of all samples that a node must have to be in the JSON tree, if not told: less than a pixel.
const DEFAULT_LEAST_SHARE: f64 = 0.0005;

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Params {
    pub(super) seconds: u64,
    /// Distinct; empty: all processes.
    pub(super) pids: Vec<Pid>,
    pub(super) lines: bool,
    pub(super) threads: bool,
    /// Process frames; if not told, where not exactly one process is asked for.
    pub(super) processes: bool,
    /// Only for JSON.
    pub(super) least_share: f64,
}

impl Params {
    /// Reads the decoded pairs of a query string. `retention`: most seconds.
    pub(super) fn parse(pairs: &[(String, String)], retention: u64) -> Result<Params, HttpError> {
        let mut params = Params {
            seconds: DEFAULT_SECONDS.min(retention),
            pids: Vec::new(),
            lines: false,
            threads: false,
            processes: false,
            least_share: DEFAULT_LEAST_SHARE,
        };
        let mut processes = None;
        for (name, value) in pairs {
            match name.as_str() {
                "seconds" => params.seconds = seconds(value, retention)?,
                "pid" => pids(value, &mut params.pids)?,
                "lines" => params.lines = switch(name, value)?,
                "threads" => params.threads = switch(name, value)?,
                "processes" => processes = Some(switch(name, value)?),
                "least_share" => params.least_share = share(value)?,
                // The flame graph's own script keeps its zoom (x, y) and its search (s) in its address.
                "x" | "y" | "s" => {}
                _ => {
                    return Err(HttpError::bad_request(
                        format!("unknown parameter {name:?}"),
                        "known are seconds, pid, lines, threads, processes and least_share",
                    ));
                }
            }
        }
        params.processes = processes.unwrap_or(params.pids.len() != 1);
        Ok(params)
    }
}

fn seconds(value: &str, retention: u64) -> Result<u64, HttpError> {
    match value.parse() {
        Ok(seconds) if (1..=retention).contains(&seconds) => Ok(seconds),
        _ => Err(HttpError::bad_request(
            format!("seconds={value:?} is not possible"),
            format!("a whole number from 1 to {retention}, which is how long samples are kept"),
        )),
    }
}

/// Adds the processes of one `pid=1,2`; an empty one adds none.
fn pids(value: &str, pids: &mut Vec<Pid>) -> Result<(), HttpError> {
    for pid in value.split(',').map(str::trim).filter(|pid| !pid.is_empty()) {
        match pid.parse() {
            Ok(pid) if pid <= i32::MAX as u32 => {
                if !pids.contains(&Pid(pid)) {
                    pids.push(Pid(pid));
                }
            }
            _ => {
                return Err(HttpError::bad_request(
                    format!("pid={pid:?} is no process id"),
                    "process ids as /api/v1/processes lists them, separated by commas or repeated",
                ));
            }
        }
        if pids.len() > MAX_PIDS {
            return Err(HttpError::bad_request(
                "too many process ids",
                format!("at most {MAX_PIDS}; without any, all processes are shown"),
            ));
        }
    }
    Ok(())
}

fn switch(name: &str, value: &str) -> Result<bool, HttpError> {
    match value {
        "1" | "true" | "" => Ok(true),
        "0" | "false" => Ok(false),
        _ => Err(HttpError::bad_request(format!("{name}={value:?} is neither on nor off"), "1 or 0")),
    }
}

fn share(value: &str) -> Result<f64, HttpError> {
    match value.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err(HttpError::bad_request(
            format!("least_share={value:?} is not possible"),
            "a number from 0 (every node) to 1, the share of all samples that a node must have",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<Params, HttpError> {
        let pairs: Vec<(String, String)> =
            query.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Params::parse(&pairs, 900)
    }

    #[test]
    fn all_processes_by_function_are_the_default() {
        let params = parse(&[]).unwrap();
        assert_eq!((params.seconds, params.pids.len()), (60, 0));
        assert_eq!((params.lines, params.threads, params.processes), (false, false, true));
    }

    #[test]
    fn fewer_seconds_are_the_default_where_fewer_are_kept() {
        assert_eq!(Params::parse(&[], 30).unwrap().seconds, 30);
    }

    #[test]
    fn process_ids_may_be_repeated_and_listed() {
        let params = parse(&[("pid", "1, 2"), ("pid", "3"), ("pid", "2"), ("pid", "")]).unwrap();
        assert_eq!(params.pids, [Pid(1), Pid(2), Pid(3)]);
        assert!(!parse(&[("pid", "7")]).unwrap().processes);
        assert!(parse(&[("pid", "7"), ("processes", "1")]).unwrap().processes);
    }

    #[test]
    fn what_is_absurd_is_refused_with_what_is_allowed() {
        for (name, value, hint) in [
            ("seconds", "0", "from 1 to 900"),
            ("seconds", "901", "from 1 to 900"),
            ("seconds", "1e3", "from 1 to 900"),
            ("seconds", "99999999999999999999", "from 1 to 900"),
            ("pid", "-1", "process ids"),
            ("pid", "4294967295", "process ids"),
            ("pid", "self", "process ids"),
            ("lines", "maybe", "1 or 0"),
            ("least_share", "NaN", "0 (every node) to 1"),
            ("second", "5", "known are seconds"),
        ] {
            let error = parse(&[(name, value)]).unwrap_err();
            assert_eq!(error.status, axum::http::StatusCode::BAD_REQUEST);
            assert!(error.hint.contains(hint), "{name}={value}: {}", error.hint);
        }
        let many: Vec<String> = (0..=MAX_PIDS).map(|pid| pid.to_string()).collect();
        assert!(parse(&[("pid", &many.join(","))]).is_err());
    }
}
