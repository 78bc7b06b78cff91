//! Paths as each runtime makes them.

use super::*;

const A: &str = "8c046cb0b72cd4c99f51b5591cd5b095967f58ee003710a45280c28ee1a9c7fa";
const B: &str = "34dc0b5e626f2c5c4c5170e34b10e7654ce36f0fcd532739f4445baabea03376";

/// Text, container, unit; `{A}` and `{B}` stand for ids.
const TABLE: &[(&str, &str, &str)] = &[
    // Kubernetes with containerd: systemd and cgroupfs as drivers; with guaranteed, burstable and best-effort pods.
    (
        "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod2c48913c_b29f_11e7_9350_020968147796.slice/cri-containerd-{A}.scope",
        "{A}",
        "",
    ),
    (
        "0::/kubepods.slice/kubepods-pod1858680e_b044_4fd5_9dd4_f137e30e2180.slice/cri-containerd-{A}.scope",
        "{A}",
        "",
    ),
    ("0::/kubepods/burstable/podfd52ef25-a87d-11e9-9423-0800271a638e/{A}", "{A}", ""),
    (
        "10:hugetlb:/kubepods/besteffort/podfd52ef25-a87d-11e9-9423-0800271a638e/{A}\n6:cpu,cpuacct:/kubepods/besteffort/podfd52ef25-a87d-11e9-9423-0800271a638e/{A}",
        "{A}",
        "",
    ),
    // containerd told to use systemd, but run without it.
    (
        "1:name=systemd:/system.slice/containerd.service/kubepods-besteffort-pod214f3ba8_4b69_4bdb_a7d5_5ecc73f04ae9.slice:cri-containerd:{A}",
        "{A}",
        "",
    ),
    // The pod alone is no container.
    ("0::/kubepods/burstable/podfd52ef25-a87d-11e9-9423-0800271a638e", "", ""),
    // CRI-O: the container, its own groups in it, and what watches it.
    (
        "0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod1858680e_b044_4fd5_9dd4_f137e30e2180.slice/crio-{A}.scope",
        "{A}",
        "",
    ),
    ("0::/kubepods.slice/kubepods-pod1858680e.slice/crio-{A}.scope/container", "{A}", ""),
    ("0::/kubepods.slice/kubepods-pod1858680e.slice/crio-conmon-{A}.scope", "", "crio-conmon-{A}.scope"),
    ("0::/system.slice/crio-conmon-{A}.scope", "", "crio-conmon-{A}.scope"),
    // Docker: systemd and cgroupfs, of both versions; without root; on Amazon ECS.
    ("0::/system.slice/docker-{A}.scope", "{A}", ""),
    ("0::/docker/{A}", "{A}", ""),
    (
        "12:pids:/docker/{A}\n11:freezer:/docker/{A}\n1:name=systemd:/docker/{A}\n0::/system.slice/containerd.service",
        "{A}",
        "",
    ),
    ("1:name=systemd:/docker/{A}.scope", "{A}", ""),
    ("0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-{A}.scope", "{A}", ""),
    ("9:perf_event:/ecs/test-ecs-classic/5a0d5ceddf6c44c1928d367a815d890f/{A}", "{A}", ""),
    ("11:hugetlb:/ecs/55091c13-b8cf-4801-b527-f4601742204d/{A}", "{A}", ""),
    ("0::/ecstasks.slice/ecstasks-5a0d5ceddf6c44c1928d367a815d890f.slice/docker-{A}.scope", "{A}", ""),
    // Fargate.
    (
        "1:name=systemd:/ecs/34dc0b5e626f2c5c4c5170e34b10e765-1234567890",
        "34dc0b5e626f2c5c4c5170e34b10e765-1234567890",
        "",
    ),
    (
        "4:memory:/ecs/34dc0b5e626f2c5c4c5170e34b10e765/34dc0b5e626f2c5c4c5170e34b10e765-2512345678",
        "34dc0b5e626f2c5c4c5170e34b10e765-2512345678",
        "",
    ),
    // Docker in Docker, and Kubernetes in it: the innermost.
    ("2:cpu:/docker/{A}/docker/{B}", "{B}", ""),
    ("0::/system.slice/docker-{A}.scope/system.slice/docker-{B}.scope", "{B}", ""),
    (
        "14:name=systemd:/docker/{A}/kubelet/kubepods/burstable/poda5ea884f-9e60-4912-bd62-fef9a31db47a/{B}",
        "{B}",
        "",
    ),
    (
        "0::/system.slice/docker-{A}.scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod1858680e.slice/cri-containerd-{B}.scope",
        "{B}",
        "",
    ),
    // systemd in a container.
    ("0::/system.slice/docker-{A}.scope/system.slice/nginx.service", "{A}", "nginx.service"),
    ("0::/docker/{A}/init.scope", "{A}", "init.scope"),
    // Podman: with root, without, its inner group, its pods, and what watches.
    ("0::/machine.slice/libpod-{A}.scope", "{A}", ""),
    ("0::/machine.slice/libpod-{A}.scope/container", "{A}", ""),
    ("0::/user.slice/user-501.slice/user@501.service/user.slice/libpod-{A}.scope/container", "{A}", ""),
    ("0::/machine.slice/machine-libpod_pod_{A}.slice/libpod-{B}.scope", "{B}", ""),
    ("0::/libpod_parent/libpod_pod_{A}/libpod-{B}", "{B}", ""),
    ("0::/libpod_parent/libpod_pod_{A}", "", ""),
    ("0::/machine.slice/libpod-conmon-{A}.scope", "", "libpod-conmon-{A}.scope"),
    ("7:pids:/libpod_parent/libpod-conmon-{A}", "", ""),
    // A container's mounts have its id in their name.
    ("0::/system.slice/var-lib-docker-containers-{A}-mounts-shm.mount", "", ""),
    ("0::/system.slice/docker-{A}.service", "", "docker-{A}.service"),
    // LXC.
    ("0::/lxc.payload.web-01/init.scope", "web-01", "init.scope"),
    ("0::/lxc.payload.mail/system.slice/postfix.service", "mail", "postfix.service"),
    ("0::/lxc.payload/web/system.slice/cron.service", "web", "cron.service"),
    ("0::/lxc.monitor.web", "", ""),
    ("12:memory:/lxc/101\n1:name=systemd:/lxc/101/ns/system.slice/cron.service", "101", "cron.service"),
    ("0::/lxc.payload.web/system.slice/docker-{A}.scope", "{A}", ""),
    // Garden.
    (
        "12:memory:/system.slice/garden.service/garden/6f265890-5165-7fab-6b52-18d1\n10:freezer:/garden/6f265890-5165-7fab-6b52-18d1",
        "6f265890-5165-7fab-6b52-18d1",
        "",
    ),
    ("1:name=systemd:/garden/good/2f57368b-0eda-4e52-64d8-af5c", "2f57368b-0eda-4e52-64d8-af5c", ""),
    // systemd: services, templates, escaped names, a service's own groups, users' units and sessions.
    ("0::/system.slice/nginx.service", "", "nginx.service"),
    ("0::/system.slice/system-postgresql.slice/postgresql@15-main.service", "", "postgresql@15-main.service"),
    ("0::/system.slice/shop.service/workers", "", "shop.service"),
    ("0::/system.slice/_cpu.service", "", "cpu.service"),
    ("0::/system.slice/dev-disk\\x2dwatch.service", "", "dev-disk\\x2dwatch.service"),
    ("0::/user.slice/user-1000.slice/session-3.scope", "", "session-3.scope"),
    ("0::/user.slice/user-1000.slice/user@1000.service/app.slice/backup.service", "", "backup.service"),
    (
        "0::/user.slice/user-1000.slice/user@1000.service/app.slice/snap.firefox.firefox.fa61f25b-92e1-4316-8acb-2b95af841855.scope",
        "",
        "snap.firefox.firefox.fa61f25b-92e1-4316-8acb-2b95af841855.scope",
    ),
    ("0::/user.slice/user-1000.slice/user@1000.service/init.scope", "", "init.scope"),
    ("0::/system.slice", "", ""),
    (
        "12:cpu:/user.slice\n1:name=systemd:/system.slice/cron.service\n0::/system.slice/cron.service",
        "",
        "cron.service",
    ),
    // Hybrid: the unified hierarchy has the root alone.
    ("4:memory:/system.slice\n1:name=systemd:/system.slice/cron.service\n0::/", "", "cron.service"),
    // A controller of version 1 has groups of its own.
    ("5:devices:/limits/x.service\n1:name=systemd:/\n0::/", "", ""),
    // Seen from another cgroup namespace; and a group that was removed.
    ("0::/../cri-containerd-{A}.scope", "{A}", ""),
    ("0::/../../pod2c48913c-b29f-11e7-9350-020968147796/{A}", "{A}", ""),
    ("0::/system.slice/nginx.service (deleted)", "", "nginx.service"),
    ("0::/docker/{A} (deleted)", "{A}", ""),
    // Nothing.
    ("0::/", "", ""),
    ("", "", ""),
    ("no such line", "", ""),
    ("0:", "", ""),
    ("0::/docker/8C046CB0B72CD4C99F51B5591CD5B095967F58EE003710A45280C28EE1A9C7FA", "", ""),
    ("0::/docker/{A}0", "", ""),
    ("0::/é{A}", "", ""),
    ("0::/system.slice/.service", "", ""),
    ("0::/system.slice/a b.service", "", ""),
];

#[test]
fn each_path_as_its_maker_means_it() {
    for (text, container, unit) in TABLE {
        let [text, container, unit] = [text, container, unit].map(|t| t.replace("{A}", A).replace("{B}", B));
        let optional = |text: String| (!text.is_empty()).then_some(text);
        let expected = Membership { container: optional(container), unit: optional(unit) };
        assert_eq!(parse(&text), expected, "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_only_ever_cut(text in r"([0-9a-f:/.\-_é@ ]|kubepods|docker-|\.scope|\n){0,80}") {
        let found = parse(&text);
        for name in [found.container, found.unit].into_iter().flatten() {
            proptest::prop_assert!(!name.is_empty() && text.contains(&name));
        }
    }
}

#[test]
fn the_own_groups_can_be_read_and_those_of_no_process_not() {
    assert!(read(Pid(std::process::id())).is_ok());
    assert!(read(Pid(u32::MAX)).is_err());
}
