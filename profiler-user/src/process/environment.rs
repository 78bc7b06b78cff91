//! What a process says of itself in its environment: three variables, and nothing else.
//!
//! Environments hold secrets: no other variable is looked at beyond its name, kept, or logged. The bytes are the
//! process's own, as it was executed, unless it has written over them since, as programs do that change their title: what
//! is read is a claim, never a proof. It must not know what becomes of the names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};

use percent_encoding::percent_decode_str;

use crate::model::Pid;

/// Most bytes of an environment that are read. A variable that ends later is not seen, and [`Environment::is_cut`] says
/// so: the kernel takes megabytes, and whoever starts a thousand processes with them must not make the profiler read them.
pub const MAX_BYTES: u64 = 128 << 10;
/// Most attributes of a process.
pub const MAX_ATTRIBUTES: usize = 16;

/// What the three variables say. An empty variable is one that is not set, as OpenTelemetry has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// `OTEL_SERVICE_NAME`.
    pub otel_service_name: Option<String>,
    /// `SERVICE_NAME`.
    pub service_name: Option<String>,
    /// Keys and decoded values of `OTEL_RESOURCE_ATTRIBUTES`, at most [`MAX_ATTRIBUTES`]; of a key that is there twice
    /// the last value.
    pub attributes: BTreeMap<String, String>,
    /// Members of that list that are no `key=value`.
    pub malformed: u64,
    /// Its attributes for which there was no room.
    pub too_many: u64,
    /// Whether there may be more than was read.
    pub is_cut: bool,
}

/// Reads what a process says. Another user's needs `CAP_SYS_PTRACE`.
///
/// # Errors
/// If there is no such process, or it can't be read.
pub fn read(pid: Pid) -> io::Result<Environment> {
    let mut bytes = Vec::new();
    File::open(format!("/proc/{pid}/environ"))?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(parse(&bytes))
}

/// What an environment says: `NAME=value` strings, each ended by a zero byte.
pub fn parse(bytes: &[u8]) -> Environment {
    let is_cut = bytes.len() as u64 > MAX_BYTES;
    let mut environment = Environment { is_cut, ..Environment::default() };
    let seen = match bytes.get(..MAX_BYTES as usize) {
        // What the cut goes through may be half a value.
        Some(seen) if is_cut => &seen[..seen.iter().rposition(|&byte| byte == 0).unwrap_or(0)],
        _ => bytes,
    };
    let mut resource = None;
    for variable in seen.split(|&byte| byte == 0) {
        // The first counts, as for getenv(3).
        let (place, value) = if let Some(value) = variable.strip_prefix(b"OTEL_SERVICE_NAME=") {
            (&mut environment.otel_service_name, value)
        } else if let Some(value) = variable.strip_prefix(b"SERVICE_NAME=") {
            (&mut environment.service_name, value)
        } else if let Some(value) = variable.strip_prefix(b"OTEL_RESOURCE_ATTRIBUTES=") {
            (&mut resource, value)
        } else {
            continue;
        };
        place.get_or_insert_with(|| String::from_utf8_lossy(value).trim().to_owned());
    }
    for name in [&mut environment.otel_service_name, &mut environment.service_name] {
        name.take_if(|name| name.is_empty());
    }
    environment.take_attributes(&resource.unwrap_or_default());
    environment
}

impl Environment {
    /// Takes the members of a list `key1=value1,key2=value2`, values percent-encoded: "Specifying resource information via
    /// an environment variable" of OpenTelemetry's resource SDK.
    ///
    /// A member that is none is left out alone, and a `%` that begins no code stays one. The specification would rather
    /// have the whole list discarded; OpenTelemetry's SDK for Python does it like this, and a profile should bear the
    /// names that the traces of the same process bear.
    fn take_attributes(&mut self, list: &str) {
        for member in list.split(',').map(str::trim).filter(|member| !member.is_empty()) {
            let Some((key, value)) = member.split_once('=') else {
                self.malformed += 1;
                continue;
            };
            let key = key.trim();
            if key.is_empty() {
                self.malformed += 1;
            } else if self.attributes.len() < MAX_ATTRIBUTES || self.attributes.contains_key(key) {
                let value = percent_decode_str(value.trim()).decode_utf8_lossy().into_owned();
                self.attributes.insert(key.to_owned(), value);
            } else {
                self.too_many += 1;
            }
        }
    }

    /// The service's name, by the first of `OTEL_SERVICE_NAME`, `SERVICE_NAME` and the attribute `service.name`.
    pub fn service(&self) -> Option<&str> {
        let attribute = self.attributes.get("service.name").filter(|name| !name.is_empty());
        let names = [&self.otel_service_name, &self.service_name].map(Option::as_ref);
        names.into_iter().flatten().chain(attribute).next().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attributes(list: &str) -> Vec<(String, String)> {
        parse(format!("OTEL_RESOURCE_ATTRIBUTES={list}\0").as_bytes()).attributes.into_iter().collect()
    }

    fn owned(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_service_name_by_the_first_source_that_has_one() {
        let name = |text: &str| parse(text.as_bytes()).service().map(str::to_owned);
        let attribute = "OTEL_RESOURCE_ATTRIBUTES=service.name=c,x=y\0";
        assert_eq!(name(&format!("{attribute}SERVICE_NAME=b\0OTEL_SERVICE_NAME=a\0")).as_deref(), Some("a"));
        assert_eq!(name(&format!("{attribute}SERVICE_NAME=b\0OTEL_SERVICE_NAME=\0")).as_deref(), Some("b"));
        assert_eq!(name(&format!("{attribute}SERVICE_NAME= \0")).as_deref(), Some("c"));
        assert_eq!(name("OTEL_RESOURCE_ATTRIBUTES=service.name=\0"), None);
        assert_eq!(name("MY_SERVICE_NAME=no\0SERVICE_NAMES=no\0service_name=no\0"), None);
        assert_eq!(name("SERVICE_NAME=first\0SERVICE_NAME=second\0").as_deref(), Some("first"));
        assert_eq!(name("PATH=/bin\0SERVICE_NAME=no zero at the end").as_deref(), Some("no zero at the end"));
    }

    #[test]
    fn attributes_as_opentelemetry_has_them() {
        assert_eq!(
            attributes("deployment.environment=prod, region = eu%2Dwest ,"),
            owned(&[("deployment.environment", "prod"), ("region", "eu-west")])
        );
        assert_eq!(attributes("a=b=c"), owned(&[("a", "b=c")]));
        assert_eq!(attributes("a=x%2Cy%3Dz,b=+"), owned(&[("a", "x,y=z"), ("b", "+")]));
        assert_eq!(attributes("a=Gr%C3%BC%C3%9Fe"), owned(&[("a", "Grüße")]));
        assert_eq!(attributes("a=100%,b=%zz,c=%F"), owned(&[("a", "100%"), ("b", "%zz"), ("c", "%F")]));
        assert_eq!(attributes("a=%FF"), owned(&[("a", "\u{fffd}")]));
        assert_eq!(attributes("a=1,a=2"), owned(&[("a", "2")]));
        let odd = parse(b"OTEL_RESOURCE_ATTRIBUTES=junk,=x,a=1\0");
        assert_eq!((odd.malformed, odd.attributes.len()), (2, 1));
    }

    #[test]
    fn more_attributes_than_there_is_room_for_are_counted() {
        let list: Vec<String> = (0..1000).map(|number| format!("k{number}=v")).collect();
        let text = format!("OTEL_RESOURCE_ATTRIBUTES={}\0", list.join(","));
        let environment = parse(text.as_bytes());
        assert_eq!(environment.attributes.len(), MAX_ATTRIBUTES);
        assert_eq!(environment.too_many, 1000 - MAX_ATTRIBUTES as u64);
        assert!(!environment.is_cut);
    }

    #[test]
    fn beyond_the_bound_nothing_is_seen_and_it_says_so() {
        let filler = format!("SECRET={}\0", "x".repeat(MAX_BYTES as usize));
        let before = parse(format!("SERVICE_NAME=here\0{filler}").as_bytes());
        assert_eq!((before.service(), before.is_cut), (Some("here"), true));
        let after = parse(format!("{filler}SERVICE_NAME=there\0").as_bytes());
        assert_eq!((after.service(), after.is_cut), (None, true));
        // The cut goes through the value.
        let mut through = format!("A={}\0", "x".repeat(MAX_BYTES as usize - 20)).into_bytes();
        through.extend_from_slice(format!("SERVICE_NAME={}\0", "y".repeat(40)).as_bytes());
        through.truncate(MAX_BYTES as usize + 1);
        assert_eq!((parse(&through).service(), parse(&through).is_cut), (None, true));
    }

    #[test]
    fn nothing_else_is_kept() {
        let environment =
            parse(b"AWS_SECRET_ACCESS_KEY=hunter2\0OTEL_EXPORTER_OTLP_HEADERS=hunter2\0SERVICE_NAME=a\0");
        assert!(!format!("{environment:?}").contains("hunter2"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_an_environment(bytes in proptest::collection::vec(0u8..=255, 0..300)) {
            let mut with_name = b"OTEL_RESOURCE_ATTRIBUTES=".to_vec();
            with_name.extend_from_slice(&bytes);
            proptest::prop_assert!(parse(&with_name).attributes.len() <= MAX_ATTRIBUTES);
            parse(&bytes);
        }
    }
}
