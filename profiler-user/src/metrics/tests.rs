//! Names, sums, and counters that never go back.

use super::*;

fn kernel(entries: &[(u32, u64)]) -> KernelCounters {
    let mut totals = [0; counter::COUNT as usize];
    for (index, total) in entries {
        totals[*index as usize] = *total;
    }
    KernelCounters { totals }
}

fn value(metrics: &Metrics, series: &str) -> Option<f64> {
    metrics.render().lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok())
}

#[test]
fn every_reason_is_there_from_the_start() {
    let metrics = Metrics::new(MetricsOptions::new(99));
    for reason in Reason::ALL {
        let series =
            format!("firetower_samples_total{{outcome=\"unattributed\",reason=\"{}\"}}", reason.label());
        assert_eq!(value(&metrics, &series), Some(0.0), "{series}");
    }
    assert_eq!(value(&metrics, "firetower_samples_total{outcome=\"attributed\",reason=\"\"}"), Some(0.0));
    assert_eq!(value(&metrics, "firetower_sampling_frequency_hertz"), Some(99.0));
}

#[test]
fn outcomes_sum_up_to_what_fired() {
    let metrics = Metrics::new(MetricsOptions::new(99));
    let lost = counter::NOT_SUBMITTED + Reason::RingBufferFull as u32;
    let idle = counter::NOT_SUBMITTED + Reason::Idle as u32;
    metrics.set_kernel_counters(&kernel(&[(counter::FIRED, 10), (lost, 2), (idle, 1)]));
    metrics.set_kernel_counters(&kernel(&[(counter::FIRED, 20), (lost, 3), (idle, 5)]));
    metrics.attributed(9);
    metrics.unattributed(Reason::CodeReplaced, 3);
    let outcomes: f64 = metrics
        .render()
        .lines()
        .filter(|line| line.starts_with("firetower_samples_total{"))
        .filter_map(|line| line.rsplit_once(' ')?.1.parse::<f64>().ok())
        .sum();
    assert_eq!(Some(outcomes), value(&metrics, "firetower_samples_fired_total"));
    assert_eq!(value(&metrics, "firetower_ring_buffer_lost_total{kind=\"sample\"}"), Some(3.0));
}

#[test]
fn mirrors_never_go_back() {
    let metrics = Metrics::new(MetricsOptions::new(99));
    let idle = counter::NOT_SUBMITTED + Reason::Idle as u32;
    metrics.set_kernel_counters(&kernel(&[(counter::FIRED, 10), (idle, 4)]));
    metrics.set_kernel_counters(&kernel(&[(counter::FIRED, 3), (idle, 1)]));
    metrics.set_agent(1.5, 1);
    metrics.set_agent(1.0, 1);
    assert_eq!(value(&metrics, "firetower_samples_fired_total"), Some(10.0));
    let series = "firetower_samples_total{outcome=\"unattributed\",reason=\"idle\"}";
    assert_eq!(value(&metrics, series), Some(4.0));
    assert_eq!(value(&metrics, "firetower_agent_cpu_seconds_total"), Some(1.5));
}

#[test]
fn processes_that_are_gone_are_not_counted_on() {
    let metrics = Metrics::new(MetricsOptions::new(99));
    metrics.set_processes([("3.12.1", "profiled"), ("3.12.1", "profiled"), ("", "unsupported")]);
    let series = "firetower_processes{python_version=\"3.12.1\",state=\"profiled\"}";
    assert_eq!(value(&metrics, series), Some(2.0));
    metrics.set_processes([("", "unsupported")]);
    assert_eq!(value(&metrics, series), None);
}

#[test]
fn versions_past_the_limit_are_summed() {
    let metrics = Metrics::new(MetricsOptions::new(99));
    let versions: Vec<String> = (0..MAX_VERSIONS + 5).map(|minor| format!("3.{minor}.0")).collect();
    metrics.set_processes(versions.iter().map(|version| (version.as_str(), "profiled")));
    assert_eq!(
        value(&metrics, "firetower_processes{python_version=\"other\",state=\"profiled\"}"),
        Some(5.0)
    );
}

#[test]
fn the_store_is_there_from_the_start_and_its_totals_never_go_back() {
    let metrics = Metrics::new(MetricsOptions::new(99));
    assert_eq!(value(&metrics, "firetower_store_rows_total"), Some(0.0));
    assert_eq!(value(&metrics, "firetower_store_max_bytes"), Some(0.0));
    let status = StoreStatus { bytes: 7, rows: 5, last_commit: 1_500_000_000, ..StoreStatus::default() };
    metrics.set_store(&status);
    metrics.set_store(&StoreStatus { bytes: 3, rows: 4, ..status });
    assert_eq!(value(&metrics, "firetower_store_bytes"), Some(3.0));
    assert_eq!(value(&metrics, "firetower_store_rows_total"), Some(5.0));
    assert_eq!(value(&metrics, "firetower_store_last_commit_timestamp_seconds"), Some(1.5));
}

#[test]
fn there_is_no_pid_unless_asked_for() {
    let process = ProcessLabels { pid: 4242, command: "python app.py", python_version: "3.12.1" };
    let metrics = Metrics::new(MetricsOptions::new(99));
    metrics.process_cpu(process, 1.0);
    metrics.process_ended(4242);
    assert!(!metrics.render().contains("4242"), "{}", metrics.render());
    let metrics = Metrics::new(MetricsOptions { processes: true, ..MetricsOptions::new(99) });
    metrics.process_cpu(process, 1.0);
    assert!(metrics.render().contains("pid=\"4242\""), "{}", metrics.render());
}

#[test]
fn no_functions_means_no_metrics_by_function() {
    let metrics = Metrics::new(MetricsOptions { functions: 0, ..MetricsOptions::new(99) });
    let usage = ServiceUsage { service: "app".into(), nanoseconds: 1_000_000_000, ..ServiceUsage::default() };
    metrics.add_usage(&[usage], Instant::now());
    let text = metrics.render();
    assert!(!text.contains("firetower_function"), "{text}");
    let series = "firetower_service_cpu_seconds_total{container=\"\",service=\"app\"}";
    assert_eq!(value(&metrics, series), Some(1.0));
}

#[test]
fn every_metric_has_a_help_text_and_a_proper_name() {
    let metrics = Metrics::new(MetricsOptions::new(99));
    metrics.set_processes([("3.12.1", "profiled")]);
    metrics.set_program(&ProgramRuns { program: "sample", seconds: 0.5, runs: 7 });
    for family in metrics.registry.gather() {
        assert!(family.name().starts_with("firetower_"), "{}", family.name());
        assert!(family.help().ends_with('.'), "{}", family.name());
        let counter = family.get_field_type() == prometheus::proto::MetricType::COUNTER;
        assert_eq!(counter, family.name().ends_with("_total"), "{}", family.name());
    }
}
