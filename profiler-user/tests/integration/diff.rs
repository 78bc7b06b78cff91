//! `firetower diff` as a user runs it: of real recordings, in every format, with conditions, and of what is no profile.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use firetower::import;
use firetower::render::{Format, render};
use serde_json::Value;
use tempfile::TempDir;

use crate::pythons::{fixture, python};
use crate::running::{Finished, Running, firetower, run};
use crate::tools::said;

/// CPU seconds of each recording.
const SECONDS: &str = "1.5";

/// Two recordings of one program that spends 20 % in `parse`, and another in which that is 50 %: `before.folded`,
/// `again.folded`, `after.pb.gz`.
static RECORDED: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, share) in [("before.folded", "20"), ("again.folded", "20"), ("after.pb.gz", "50")] {
        let mut command = firetower(["record", "-F", "999", "-o", file, "--"]);
        command.arg(python("3.12")).arg(fixture("compared.py")).args([share, SECONDS]);
        let finished = Running::start(command.current_dir(folder.path())).finish();
        assert_eq!(finished.code, 0, "{}", finished.stderr);
    }
    folder
});

fn diff_in(folder: &Path, arguments: &[&str]) -> Finished {
    let mut command = firetower(["diff"].iter().chain(arguments).copied());
    Running::start(command.current_dir(folder)).finish()
}

fn diff(arguments: &[&str]) -> Finished {
    diff_in(RECORDED.path(), arguments)
}

fn json(arguments: &[&str]) -> Value {
    let finished = diff(&[arguments, &["--json"]].concat());
    assert_eq!(finished.code, 0, "{}", finished.stderr);
    serde_json::from_str(&finished.stdout).expect("JSON")
}

fn function<'a>(comparison: &'a Value, name: &str) -> &'a Value {
    let functions = comparison["functions"].as_array().expect("a list");
    functions
        .iter()
        .find(|function| function["function"] == name)
        .unwrap_or_else(|| panic!("{name}: {comparison}"))
}

#[test]
fn what_grew_between_two_recordings_is_found() {
    let found = json(&["before.folded", "after.pb.gz"]);
    assert_eq!((&found["unit"], &found["normalised"]), (&Value::from("share"), &Value::from(true)));
    // With the kernel's clock, which both ask: what it takes depends on what else the machine does.
    let parse = &function(&found, "parse")["total"];
    let number = |value: &Value| value.as_f64().expect("a number");
    let (low, change, high) = (number(&parse["low"]), number(&parse["change"]), number(&parse["high"]));
    assert!(low < change && change < high && (change - 0.3).abs() < 0.08, "{parse}");
    assert!(number(&parse["before_samples"]) > 100.0, "{parse}");
    assert_eq!(
        (&parse["verdict"], &function(&found, "Page.render")["total"]["verdict"]),
        (&Value::from("grew"), &Value::from("shrank"))
    );
    // Nearly all of both is in it: only how long Python starts differs.
    assert_little_changed(&found, "main");
    let table = diff(&["before.folded", "after.pb.gz", "--limit", "1"]);
    assert_eq!(table.code, 0, "{}", table.stderr);
    let row = table.stdout.lines().nth(4).expect("a row");
    assert!(row.contains("grew") || row.contains("shrank"), "{}", table.stdout);
    assert!(table.stdout.contains("not shown") && !table.stdout.contains('\x1b'), "{}", table.stdout);
}

/// Holds that the interval of a function's change comes within three points of none. That it has none itself can't be held
/// for live programs: on a busy machine there are real changes, of the time that Python takes to start for example.
fn assert_little_changed(found: &Value, name: &str) {
    let total = &function(found, name)["total"];
    let number = |key: &str| total[key].as_f64().expect("a number");
    assert!(number("low") < 0.03 && number("high") > -0.03, "{name}: {total}");
    assert!(number("low") < number("change") && number("change") < number("high"), "{name}: {total}");
}

#[test]
fn the_same_program_twice_differs_by_little() {
    let found = json(&["before.folded", "again.folded"]);
    ["parse", "Page.render", "main"].into_iter().for_each(|name| assert_little_changed(&found, name));
}

#[test]
fn nothing_grew_in_a_file_compared_with_itself_in_whatever_format() {
    let folder = tempfile::tempdir().expect("a folder");
    let bytes = std::fs::read(RECORDED.path().join("after.pb.gz")).expect("a recording");
    let imported = import::read(&bytes).expect("a profile");
    let mut files = Vec::new();
    for format in [Format::Pprof, Format::Folded, Format::Speedscope, Format::Json] {
        let name = format!("x{}", format.endings()[0]);
        std::fs::write(folder.path().join(&name), render(format, &imported.profile).expect("samples"))
            .expect("a folder of ours");
        files.push(name);
    }
    for before in &files {
        for after in &files {
            let finished = diff_in(folder.path(), &[before, after, "--json", "--fail-if", "/./ grows > 0%"]);
            // Growth of times alone can't be told from noise.
            if [before, after].iter().any(|file| file.contains("speedscope")) && finished.code == 2 {
                assert!(finished.stderr.contains("can't be told from noise"), "{}", finished.stderr);
                continue;
            }
            assert_eq!(finished.code, 0, "{before} {after}: {}", finished.stderr);
            let found: Value = serde_json::from_str(&finished.stdout).expect("JSON");
            let functions = found["functions"].as_array().expect("a list");
            assert!(functions.len() >= 3, "{before} {after}: {found}");
            for function in functions {
                for change in [&function["own"], &function["total"]] {
                    assert!(
                        change["change"].as_f64().expect("a number").abs() < 1e-9,
                        "{before} {after}: {function}"
                    );
                    assert!(change["verdict"] == "noise", "{before} {after}: {function}");
                }
            }
        }
    }
}

#[test]
fn amounts_are_compared_where_both_sides_have_them() {
    let found = json(&["before.folded", "after.pb.gz", "--no-normalise"]);
    assert_eq!(found["unit"], "samples");
    // With the kernel's clock, which both ask: what it takes depends on what else the machine does.
    let parse = &function(&found, "parse")["total"];
    assert_eq!(parse["before"].as_f64(), parse["before_samples"].as_f64(), "{parse}");
    assert_eq!(parse["verdict"], "grew");
    assert_eq!(json(&["after.pb.gz", "after.pb.gz", "--no-normalise"])["unit"], "nanoseconds");
}

#[test]
fn functions_are_sorted_limited_and_left_out() {
    let by_total =
        json(&["before.folded", "after.pb.gz", "--sort", "total", "--min-change", "5", "--limit", "2"]);
    let functions = by_total["functions"].as_array().expect("a list");
    assert_eq!(functions.len(), 2, "{by_total}");
    assert!(
        functions
            .iter()
            .all(|function| function["total"]["change"].as_f64().is_some_and(|change| change.abs() >= 0.05))
    );
    assert!(by_total["other_functions"].as_u64().is_some_and(|others| others > 0));
    let lines = json(&["before.folded", "after.pb.gz", "--lines", "--limit", "1"]);
    assert_eq!(lines["lines"], true);
    let nothing = diff(&["before.folded", "before.folded", "--min-change", "1"]);
    assert!(nothing.stdout.contains("No function changed by --min-change or more"), "{}", nothing.stdout);
}

#[test]
fn conditions_decide_the_exit_code() {
    let tried = |conditions: &[&str]| {
        let options = conditions.iter().flat_map(|condition| ["--fail-if", condition]);
        diff(&["before.folded", "after.pb.gz"].into_iter().chain(options).collect::<Vec<_>>())
    };
    let held = tried(&["parse > 30%"]);
    assert_eq!(held.code, 19, "{}", held.stderr);
    assert!(held.stderr.contains("\"parse > 30%\" holds: total share "), "{}", held.stderr);
    assert!(
        held.stderr.contains(" samples, 95 % interval ") && held.stdout.contains("parse (/"),
        "{}",
        held.stderr
    );
    for (conditions, code) in [
        (&["parse > 90%"][..], 0),
        (&["parse grows > 5%"], 19),
        (&["Page.render grows > 0%"], 0),
        (&["compared.py:render < 90%"], 19),
        (&["own(main) > 50%", "/^par/ grows > 10%"], 19),
        (&["own(main) > 50%", "main < 1%"], 0),
    ] {
        let finished = tried(conditions);
        assert_eq!(finished.code, code, "{conditions:?}: {}", finished.stderr);
        assert_eq!(finished.stderr.contains("1 of 2 conditions hold"), conditions.len() == 2 && code == 19);
    }
    let missing = tried(&["prase > 5%"]);
    assert_eq!(missing.code, 0);
    assert!(missing.stderr.contains("its share is 0; the nearest names: parse ("), "{}", missing.stderr);
    let wrong = tried(&["parse 5%"]);
    assert_eq!((wrong.code, wrong.stdout.as_str()), (2, ""));
    assert!(wrong.stderr.contains("at column 7: there is '5' where"), "{}", wrong.stderr);
}

#[test]
fn what_vanished_is_in_the_picture() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(
        folder.path().join("a.folded"),
        "main (a.py);gone (a.py) 300\nmain (a.py);kept (a.py) 700\n",
    )
    .and_then(|()| {
        std::fs::write(
            folder.path().join("b.folded"),
            "main (a.py);kept (a.py) 900\nmain (a.py);new (a.py) 100\n",
        )
    })
    .expect("a folder of ours");
    let written = diff_in(folder.path(), &["a.folded", "b.folded", "-o", "x.svg"]);
    assert_eq!((written.code, written.stdout.as_str(), written.stderr.as_str()), (0, "", ""));
    // Well-formed, by another program.
    let script = "import sys, xml.etree.ElementTree as tree\n\
                  for node in tree.parse(sys.argv[1]).iter('{http://www.w3.org/2000/svg}title'): print(node.text)";
    let titles = said(Command::new(python("3.12")).args(["-c", script]).arg(folder.path().join("x.svg")));
    assert!(
        titles.contains(
            "gone (a.py) (before 30.00 %, after 0.00 %, change -30.00 points, gone; 300 and 0 samples)"
        ),
        "{titles}"
    );
    assert!(titles.contains("new (a.py) (before 0.00 %, after 10.00 %"), "{titles}");
    let folded = diff_in(folder.path(), &["a.folded", "b.folded", "--format", "folded"]);
    assert_eq!(
        folded.stdout,
        "main (a.py);gone (a.py) 300 0\nmain (a.py);kept (a.py) 700 900\nmain (a.py);new (a.py) 0 100\n"
    );
    let page = diff_in(folder.path(), &["a.folded", "b.folded", "-o", "x.html"]);
    assert_eq!(page.code, 2);
    assert!(
        page.stderr.contains("the viewer shows CPU time, and a.folded has numbers of samples only"),
        "{}",
        page.stderr
    );
    let left: BTreeSet<_> = std::fs::read_dir(folder.path())
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name())
        .collect();
    assert_eq!(left, ["a.folded", "b.folded", "x.svg"].map(Into::into).into());
}

#[test]
fn the_viewer_carries_a_comparison() {
    let page = diff(&["after.pb.gz", "after.pb.gz", "--format", "html"]);
    assert_eq!(page.code, 0, "{}", page.stderr);
    let (_, rest) = page.stdout.split_once("id=\"firetower-profile\">").expect("the element");
    let (profile, _) = rest.split_once("</script>").expect("its end");
    let profile: Value = serde_json::from_str(profile).expect("JSON");
    assert!(profile["nodes"]["left_total"][0].as_f64().is_some_and(|seconds| seconds > 1.0), "{profile}");
    assert_eq!(profile["left"]["total"], profile["right"]["total"]);
}

#[test]
fn what_is_no_profile_is_refused_in_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    let write =
        |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a folder of ours");
    write("good.folded", b"main;work 5\n");
    write("empty.folded", b"");
    write(
        "noise.bin",
        &(0..5000_u32).map(|number| (number.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<u8>>(),
    );
    write("cut.pb.gz", &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1]);
    write("zero.folded", b"main;work 0\n");
    let good = folder.path().join("good.folded");
    for (bad, code) in [
        ("empty.folded", 18),
        ("noise.bin", 18),
        ("cut.pb.gz", 18),
        ("zero.folded", 14),
        ("missing.folded", 18),
        (".", 18),
    ] {
        for pair in [[bad, "good.folded"], ["good.folded", bad]] {
            let finished = diff_in(folder.path(), &[&pair[..], &["-o", "x.svg"]].concat());
            assert_eq!(
                (finished.code, finished.stdout.as_str()),
                (code, ""),
                "{pair:?}: {}",
                finished.stderr
            );
            let (said, _) = finished.stderr.split_once(": ").expect("a message");
            assert_eq!(said, "firetower");
            assert!(finished.stderr.contains(&format!("{bad}: ")), "{}", finished.stderr);
            assert_eq!(finished.stderr.matches("firetower: ").count(), 1, "{}", finished.stderr);
            assert!(!folder.path().join("x.svg").exists());
        }
    }
    assert!(good.exists());
    // More than can be counted on a side, and names that would write to a terminal.
    let most = u64::MAX / 2;
    write("huge.folded", format!("main;\x1b[2Jwork {most}\nmain;other {most}\n").as_bytes());
    let finished = diff_in(folder.path(), &["huge.folded", "good.folded"]);
    assert_eq!(finished.code, 18, "{}", finished.stderr);
    write("odd.folded", "main;\x1b[2Jwork 3\nmain;other 4000000000000\n".as_bytes());
    let finished = diff_in(folder.path(), &["odd.folded", "good.folded", "--fail-if", "/w.rk/ > 1%"]);
    assert_eq!(finished.code, 19, "{}", finished.stderr);
    assert!(!finished.stdout.contains('\x1b') && !finished.stderr.contains('\x1b'));
}

#[test]
fn command_lines_that_make_no_sense() {
    for case in [
        &[][..],
        &["before.folded"],
        &["before.folded", "after.pb.gz", "third"],
        &["before.folded", "after.pb.gz", "--store", "x"],
        &["--store", "x"],
        &["--store", "x", "--before", "now-2h..now-1h"],
        &["--store", "x", "--before", "now-2h", "--after", "now-1h..now"],
        &["--store", "x", "--before", "now-2h..now-1h", "--after", "now-1h..soon"],
        &["before.folded", "after.pb.gz", "--selector", "x"],
        &["before.folded", "after.pb.gz", "--limit", "0"],
        &["before.folded", "after.pb.gz", "--min-change", "101"],
        &["before.folded", "after.pb.gz", "--min-change", "nan"],
        &["before.folded", "after.pb.gz", "--no-normalise", "--min-change", "1"],
        &["before.folded", "after.pb.gz", "--json", "-o", "x.svg"],
        &["before.folded", "after.pb.gz", "--format", "pdf"],
        &["before.folded", "after.pb.gz", "--input-format", "pdf"],
        &["before.folded", "after.pb.gz", "-o", "x.png"],
        &["-", "-"],
    ] {
        let finished = diff(case);
        assert_eq!((finished.code, finished.stdout.as_str()), (2, ""), "{case:?}: {}", finished.stderr);
    }
}

#[test]
fn readers_that_go_early_are_no_error_and_a_full_disk_is() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let files = ["before.folded", "after.pb.gz"].map(|file| RECORDED.path().join(file).display().to_string());
    let arguments = ["diff", &files[0], &files[1]];
    let finished = Running::start_with(&mut firetower(arguments), Stdio::from(writer)).finish();
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""));
    let full = std::fs::File::options().write(true).open("/dev/full").expect("it is everywhere");
    let finished = Running::start_with(&mut firetower(arguments), full.into()).finish();
    assert_eq!(finished.code, 9, "{}", finished.stderr);
}

#[test]
fn a_side_may_come_from_standard_input() {
    let mut command = firetower(["diff", "-", "after.pb.gz"]);
    let before = std::fs::File::open(RECORDED.path().join("before.folded")).expect("a recording");
    let output = command.current_dir(RECORDED.path()).stdin(before).output().expect("it runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(output.status.success() && text.starts_with("before  standard input: "), "{text}");
}

/// Names of all fields, as `functions[].own.low`.
fn paths(value: &Value, path: &str, all: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                paths(value, &path, all);
                all.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{path}[]"), all)),
        _ => {}
    }
}

#[test]
fn every_field_of_the_json_is_described() {
    let text = include_str!("../../../docs/diff.md");
    let (_, section) = text.split_once("## JSON").expect("the section");
    let (section, _) = section.split_once("\n## ").expect("another section follows");
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let described: BTreeSet<String> = rows
        .filter_map(|row| row.split_once(" | "))
        .flat_map(|(names, _)| {
            names.split(',').map(|name| name.trim().trim_matches('`').to_owned()).collect::<Vec<_>>()
        })
        .collect();
    let mut found = BTreeSet::new();
    let finished = diff(&["before.folded", "after.pb.gz", "--json", "--fail-if", "parse > 99%"]);
    paths(&serde_json::from_str(&finished.stdout).expect("JSON"), "", &mut found);
    // `own` and `total` are alike, and so are the sides.
    let found: BTreeSet<String> = found
        .into_iter()
        .filter(|path| !path.starts_with("functions[].total.") && !path.starts_with("after."))
        .chain(["functions[].reason".to_owned()])
        .collect();
    assert_eq!(found, described);
}

#[test]
fn help_has_examples() {
    let help = run(["diff", "--help"]);
    assert!(
        help.stdout.contains("--fail-if 'get_endpoint > 5%'") && help.stdout.contains("--store"),
        "{}",
        help.stdout
    );
}
