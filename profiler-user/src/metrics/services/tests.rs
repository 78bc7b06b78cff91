//! Sums of services, containers and functions, and their bounds.

use std::collections::BTreeMap;

use prometheus::Opts;
use prometheus::core::Collector;

use super::*;

fn new(most_functions: usize) -> Services {
    let family = |name, labels: &[&str]| CounterVec::new(Opts::new(name, "CPU."), labels).expect("valid");
    let by_function = |name| family(name, &["service", "function", "file"]);
    let families = Families {
        services: family("services", &["service", "container"]),
        functions: Some([by_function("own"), by_function("total")]),
    };
    Services::new(families, most_functions, Instant::now())
}

/// The sums of a family's counters by these labels, in milliseconds.
fn sums(family: &CounterVec, by: &[&str]) -> BTreeMap<String, u64> {
    let mut sums: BTreeMap<String, f64> = BTreeMap::new();
    for metric in family.collect()[0].get_metric() {
        let label = |name: &&str| metric.get_label().iter().find(|label| label.name() == *name);
        let values: Vec<&str> = by.iter().map(|name| label(name).expect("a label").value()).collect();
        *sums.entry(values.join("/")).or_default() += metric.get_counter().get_value();
    }
    sums.into_iter().map(|(key, sum)| (key, (sum * 1e3).round() as u64)).collect()
}

fn own(services: &Services) -> &CounterVec {
    &services.families.functions.as_ref().expect("by function")[0]
}

fn total(services: &Services) -> &CounterVec {
    &services.families.functions.as_ref().expect("by function")[1]
}

fn function(name: &str, own: u64, total: u64) -> FunctionUsage {
    let (own, total) = (own * 1_000_000, total * 1_000_000);
    FunctionUsage { function: name.into(), file: "app.py".into(), own, total }
}

/// A service with 10 ms unattributed, 5 ms without a Python frame, and these functions.
fn usage(service: &str, container: &str, functions: Vec<FunctionUsage>) -> ServiceUsage {
    let of_functions: u64 = functions.iter().map(|function| function.own).sum();
    ServiceUsage {
        service: service.into(),
        container: container.into(),
        nanoseconds: 15_000_000 + of_functions,
        unattributed: 10_000_000,
        no_python_frame: 5_000_000,
        functions,
    }
}

#[test]
fn functions_sum_up_to_their_service() {
    let (mut services, start) = (new(2), Instant::now());
    for second in 0..120 {
        let many = (0..9).map(|number| function(&format!("f{number}"), number * 7, 500)).collect();
        let app = usage("app", "", many);
        let shop = usage("shop", "box", vec![function("sell", 3, 3)]);
        services.add(&[app, shop], start + Duration::from_secs(second));
        let by_service = sums(&services.families.services, &["service"]);
        assert_eq!(by_service, sums(own(&services), &["service"]), "second {second}");
    }
    let own = sums(own(&services), &["service", "function"]);
    assert_eq!(own["app/[unattributed]"], 1200);
    assert_eq!(own["app/[no Python frame]"], 600);
    assert!(own["app/f8"] > 6000 && own["app/[other]"] > 0, "{own:?}");
    assert_eq!(own.keys().filter(|key| key.starts_with("app/f")).count(), 2, "{own:?}");
    let total = sums(total(&services), &["service", "function"]);
    assert!(total.keys().all(|key| !key.contains('[')), "the remainder has no total time: {total:?}");
}

#[test]
fn a_function_that_is_called_like_the_rest_is_counted_in_it() {
    let (mut services, start) = (new(5), Instant::now());
    let liar = FunctionUsage { file: "".into(), ..function(UNATTRIBUTED, 100, 100) };
    for second in 0..20 {
        services.add(&[usage("app", "", vec![liar.clone()])], start + Duration::from_secs(second));
    }
    let own = sums(own(&services), &["function"]);
    assert_eq!((own[UNATTRIBUTED], own[OTHER]), (200, 2000));
    // Nothing is removed twice.
    services.sweep(start + FORGOTTEN * 2);
    assert_eq!(sums(&services.families.services, &["service"]).len(), 1);
}

#[test]
fn services_past_the_limit_share_series_without_functions() {
    let (mut services, start) = (new(5), Instant::now());
    for second in 0..20 {
        let all: Vec<ServiceUsage> = (0..MAX_SERVICES + 30)
            .map(|number| usage(&format!("s{number}"), "", vec![function("work", 10, 10)]))
            .collect();
        services.add(&all, start + Duration::from_secs(second));
    }
    let by_service = sums(&services.families.services, &["service"]);
    assert_eq!(by_service.len(), MAX_SERVICES + 1);
    assert_eq!(by_service[OTHER], 30 * 20 * 25);
    assert_eq!(by_service, sums(own(&services), &["service"]));
    let of_other = sums(own(&services), &["service", "function"]);
    assert_eq!(of_other.keys().filter(|key| key.starts_with("[other]/")).count(), 3, "{of_other:?}");
}

#[test]
fn containers_past_the_limit_share_a_series_of_their_service() {
    let (mut services, start) = (new(5), Instant::now());
    let all: Vec<ServiceUsage> =
        (0..MAX_CONTAINERS + 5).map(|number| usage("app", &format!("c{number}"), vec![])).collect();
    services.add(&all, start);
    let pairs = sums(&services.families.services, &["service", "container"]);
    assert_eq!(pairs["app/[other]"], 5 * 15);
    assert_eq!(sums(&services.families.services, &["service"])["app"], (MAX_CONTAINERS as u64 + 5) * 15);
    services.add(&[usage("app", "new", vec![])], start + IDLE);
    let pairs = sums(&services.families.services, &["service", "container"]);
    assert_eq!(pairs.get("app/new"), Some(&15), "those that idle make room");
    assert_eq!(pairs.get("app/c7"), None);
}

#[test]
fn an_idle_service_makes_room_when_it_is_needed_and_goes_in_the_end() {
    let (mut services, start) = (new(5), Instant::now());
    let all: Vec<ServiceUsage> =
        (0..MAX_SERVICES).map(|number| usage(&format!("s{number}"), "", vec![])).collect();
    services.add(&all, start);
    services.sweep(start + IDLE);
    assert_eq!(
        sums(&services.families.services, &["service"]).len(),
        MAX_SERVICES + 1,
        "there is room enough"
    );
    services.add(&[usage("s1", "", vec![]), usage("new", "", vec![])], start + IDLE);
    let by_service = sums(&services.families.services, &["service"]);
    assert_eq!(by_service.get("new"), Some(&15), "{by_service:?}");
    assert_eq!(by_service.get("s1"), Some(&30));
    assert_eq!(by_service.get("s2"), None);
    services.sweep(start + IDLE + FORGOTTEN);
    assert_eq!(sums(&services.families.services, &["service"]).len(), 1);
    assert_eq!(sums(own(&services), &["service"]).len(), 1, "their functions are gone too");
}
