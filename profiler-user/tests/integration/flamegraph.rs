//! `firetower flamegraph`: every option of flamegraph.pl with its effect, and what is no input.

use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::running::{FIRETOWER, Finished};

/// Runs a command with this input in a folder.
fn fed(command: &mut Command, folder: &Path, input: &[u8]) -> Finished {
    let mut child = command
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // It may have ended already: then its code and its message tell.
    let _ = child.stdin.take().expect("a pipe").write_all(input);
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    Finished {
        code: output.status.code().expect("no signal"),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

fn flamegraph_in(folder: &Path, arguments: &[&str], input: &[u8]) -> Finished {
    fed(Command::new(FIRETOWER).arg("flamegraph").args(arguments), folder, input)
}

/// The drawing, which must be one, with nothing said.
fn drawn(arguments: &[&str], input: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let finished = flamegraph_in(folder.path(), arguments, input.as_bytes());
    assert_eq!((finished.code, finished.stderr.as_str()), (0, ""), "{arguments:?}");
    assert!(finished.stdout.ends_with("</svg>"), "{arguments:?}: {}", finished.stdout);
    finished.stdout
}

/// A box: its title, and `x` in percent, `y` and `fill` as they stand there.
#[derive(Debug)]
struct Tile {
    title: String,
    x: f64,
    y: u32,
    fill: String,
}

fn boxes(svg: &str) -> Vec<Tile> {
    let (_, frames) = svg.split_once("<svg id=\"frames\"").expect("frames");
    let attribute = |text: &str, name: &str| {
        let (_, rest) = text.split_once(&format!(" {name}=\"")).expect("the attribute");
        rest.split('"').next().expect("its end").to_owned()
    };
    let one = |part: &str| {
        let (title, rest) = part.split_once("</title>").expect("a title");
        Tile {
            title: title.to_owned(),
            x: attribute(rest, "x").trim_end_matches('%').parse().expect("a number"),
            y: attribute(rest, "y").parse().expect("a number"),
            fill: attribute(rest, "fill"),
        }
    };
    frames.split("<title>").skip(1).map(one).collect()
}

fn titles(svg: &str) -> Vec<String> {
    let mut titles: Vec<String> = boxes(svg).into_iter().map(|one| one.title).collect();
    titles.sort();
    titles
}

fn of<'a>(boxes: &'a [Tile], start: &str) -> &'a Tile {
    boxes.iter().find(|one| one.title.starts_with(start)).unwrap_or_else(|| panic!("{start}: {boxes:?}"))
}

const INPUT: &str = "main;work 60\nmain;rest 30\nmain;rest;tiny 1\n";

/// Options with what is in the drawing because of them, and not without them.
const EFFECTS: [(&[&str], &str); 22] = [
    (&["--title", "Of <malloc>"], "Of &lt;malloc&gt;</text>"),
    (&["--title=x", "--title=the last"], ">the last</text>"),
    (&["-Title", "-of Perl"], ">-of Perl</text>"),
    (&["--subtitle", "second"], "id=\"subtitle\""),
    (&["--width", "777"], "viewBox=\"0 0 777 "),
    (&["--height", "30"], "height=\"29\" fill=\"rgb"),
    (&["--fonttype", "Times New"], "font-family:\"Times New\""),
    (&["--fontsize", "20"], "font-size:20px"),
    (&["--fontwidth", "0.7"], "var fontwidth = 0.7"),
    (&["--countname=bytes"], "work (60 bytes, 65.93%)"),
    (&["--nametype", "It's:"], "var nametype = 'It\\'s:'"),
    (&["--bgcolors", "blue"], "#e0e0ff"),
    (&["--bgcolors", "#123abc"], "#123abc"),
    (&["--inverted"], ">Icicle Graph</text>"),
    (&["--flamechart"], ">Flame Chart</text>"),
    (&["--notes", "of today"], "<!--NOTES: of today-->"),
    (&["--factor", "2.5"], "work (150 samples, 65.93%)"),
    (&["--encoding", "UTF-8"], "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>"),
    (&["--total", "120"], "work (60 samples, 50.00%)"),
    (&["--reverse"], "work (60 samples, 65.93%)</title><rect x=\"34.0659%\" y=\"69\""),
    (&["--col=mem", "--sub", "abbreviated"], ">abbreviated</text>"),
    (&["--fonttype", "monospace"], "font-family:monospace"),
];

#[test]
fn options_have_their_effects() {
    let plain = drawn(&[], INPUT);
    assert!(plain.contains(">Flame Graph</text>") && plain.contains("width=\"1200\""), "{plain}");
    for (arguments, effect) in EFFECTS {
        let svg = drawn(arguments, INPUT);
        let frames = svg.split("<script").next().unwrap_or_default();
        assert!(svg.contains(effect), "{arguments:?}: no {effect} in {frames}…");
        assert!(!plain.contains(effect), "{arguments:?}: {effect} is there without them");
    }
}

#[test]
fn narrow_frames_are_left_out_by_pixels_or_percent() {
    for (width, is_there) in [("12", true), ("14", false), ("1%", true), ("1.2%", false), ("0.1", true)] {
        let svg = drawn(&["--minwidth", width], INPUT);
        assert_eq!(titles(&svg).iter().any(|title| title.starts_with("tiny")), is_there, "{width}");
    }
}

#[test]
fn every_palette_has_its_hue() {
    let hue = |arguments: &[&str]| {
        let fill = of(&boxes(&drawn(arguments, INPUT)), "work").fill.clone();
        let numbers: Vec<i32> = fill
            .trim_start_matches("rgb(")
            .trim_end_matches(')')
            .split(',')
            .map(|number| number.parse().expect("a number"))
            .collect();
        [numbers[0], numbers[1], numbers[2]]
    };
    for (palette, fits) in [
        ("hot", (|[r, _, b]| r >= 205 && b <= 55) as fn([i32; 3]) -> bool),
        ("mem", |[r, g, _]| r == 0 && g >= 190),
        ("io", |[r, g, b]| r == g && b >= 190),
        ("wakeup", |[r, g, b]| r < 111 && g == b),
        ("chain", |[r, g, b]| r == g && b >= 205),
        ("java", |[r, g, b]| r >= 200 && g == b),
        ("js", |[r, g, b]| r >= 200 && g == b),
        ("perl", |[r, g, b]| r >= 200 && g == b),
        ("red", |[r, g, b]| r >= 200 && g == b),
        ("green", |[r, g, b]| g >= 200 && r == b),
        ("blue", |[r, g, b]| b >= 205 && r == g),
        ("aqua", |[r, g, b]| r < 111 && g == b),
        ("yellow", |[r, g, b]| r == g && b <= 70),
        ("purple", |[r, g, b]| r == b && g <= 140),
        ("orange", |[r, _, b]| r >= 190 && b == 0),
    ] {
        let found = hue(&["--colors", palette]);
        assert!(fits(found), "{palette}: {found:?}");
    }
    let waker = boxes(&drawn(&["--colors", "chain"], "a;--;waker_[w] 1\n"));
    assert!(
        of(&waker, "waker ").fill.starts_with("rgb(") && of(&waker, "waker ").fill != of(&waker, "a ").fill
    );
    assert_eq!(of(&waker, "-- ").fill, "rgb(160,160,160)");
}

#[test]
fn colours_are_by_name_unless_they_are_random() {
    let fills = |arguments: &[&str]| {
        let all = boxes(&drawn(arguments, INPUT));
        all.into_iter().map(|one| one.fill).collect::<Vec<String>>()
    };
    assert_eq!(fills(&[]), fills(&[]));
    assert_eq!(fills(&["--hash"]), fills(&["--hash"]));
    assert_ne!(fills(&["--hash"]), fills(&[]));
    let of_the_same_name = |arguments: &[&str]| {
        let all = boxes(&drawn(arguments, "a;x 1\nb;x 1\nc;x 1\n"));
        let same = all.iter().filter(|one| one.title.starts_with("x "));
        same.map(|one| one.fill.clone()).collect::<std::collections::HashSet<String>>().len()
    };
    assert_eq!(of_the_same_name(&[]), 1);
    assert!(of_the_same_name(&["--random"]) > 1);
}

#[test]
fn colours_are_kept_in_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let map = folder.path().join("palette.map");
    fs::write(&map, "work->rgb(1,2,3)\nwhat is this\n").expect("a file");
    let finished = flamegraph_in(folder.path(), &["--cp", "--total", "500"], INPUT.as_bytes());
    assert_eq!(finished.code, 0);
    assert_eq!(
        finished.stderr,
        "firetower: palette.map: ignored 1 lines that are no NAME->rgb(RED,GREEN,BLUE)\n"
    );
    let all = boxes(&finished.stdout);
    assert_eq!(of(&all, "work").fill, "rgb(1,2,3)");
    let kept = fs::read_to_string(&map).expect("a file");
    let names: Vec<&str> = kept.lines().filter_map(|line| Some(line.split_once("->")?.0)).collect();
    assert_eq!(names, ["", "main", "rest", "tiny", "work"], "{kept}");
    assert!(kept.contains(&format!("rest->{}", of(&all, "rest").fill)));
}

#[test]
fn attributes_of_functions() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |text: &str| fs::write(folder.path().join("attributes"), text).expect("a file");
    write("work\thref=https://example.org/\ttitle=my work\nrest\tclass=calm\n");
    let svg = flamegraph_in(folder.path(), &["--nameattr=attributes"], INPUT.as_bytes()).stdout;
    assert!(
        svg.contains("<a xlink:href=\"https://example.org/\" target=\"_top\"><title>my work</title>"),
        "{svg}"
    );
    assert!(svg.contains("<g class=\"calm\"><title>rest"), "{svg}");
    for (text, what) in
        [("work\n", "no tab"), ("work\tx=1\n", "no attribute that is known"), ("a\tid\n", "has no =")]
    {
        write(text);
        let finished = flamegraph_in(folder.path(), &["--nameattr", "attributes"], INPUT.as_bytes());
        assert_eq!((finished.code, finished.stdout.as_str()), (18, ""), "{text:?}");
        assert!(finished.stderr.contains("attributes: line 1: ") && finished.stderr.contains(what));
    }
}

#[test]
fn stacks_turned_around_upside_down_and_in_order() {
    let reversed = titles(&drawn(&["--reverse"], "a;x 1\nb;x 2\n"));
    assert_eq!(
        reversed,
        ["a (1 samples, 33.33%)", "all (3 samples, 100%)", "b (2 samples, 66.67%)", "x (3 samples, 100.00%)"]
    );
    let (up, down) = (boxes(&drawn(&[], INPUT)), boxes(&drawn(&["--inverted"], INPUT)));
    assert!(of(&up, "work").y < of(&up, "all").y && of(&down, "work").y > of(&down, "all").y);
    let chart = boxes(&drawn(&["--flamechart"], "z 1\na 1\nz 1\n"));
    let mut order: Vec<(f64, &str)> = chart.iter().map(|one| (one.x, &one.title[..1])).collect();
    order.sort_by(|left, right| left.partial_cmp(right).expect("numbers"));
    let names: String = order.iter().map(|(_, title)| *title).collect();
    assert_eq!(names, "azaz", "the first is `all`");
}

#[test]
fn two_counts_are_a_difference() {
    let input = "a;more 10 12\na;less 5 1\na;same 3 3\n";
    let (plain, negated) = (boxes(&drawn(&[], input)), boxes(&drawn(&["--negate"], input)));
    let red = |one: &Tile| one.fill.starts_with("rgb(255,") && !one.fill.ends_with(",255)");
    let blue = |one: &Tile| !one.fill.starts_with("rgb(255,") && one.fill.ends_with(",255)");
    assert!(red(of(&plain, "more")) && blue(of(&plain, "less")), "{plain:?}");
    assert!(blue(of(&negated, "more")) && red(of(&negated, "less")), "{negated:?}");
    assert_eq!(of(&plain, "more").title, "more (12 samples, 75.00%; +12.50%)");
    assert_eq!(of(&plain, "same").fill, "rgb(250,250,250)");
}

#[test]
fn counts_with_fractions_add_up() {
    assert_eq!(
        titles(&drawn(&[], "a;b 0.6\na;b 0.6\na;c 0.8\n")),
        ["a (2 samples, 100.00%)", "all (2 samples, 100%)", "b (1 samples, 50.00%)", "c (1 samples, 50.00%)"]
    );
    assert!(drawn(&["--factor=1000"], "a 0.0042\nb 1\n").contains("a (4 samples, 0.40%)"));
}

#[test]
fn names_are_shown_as_they_are() {
    let svg = drawn(&[], "Work.run (/srv/a.py:3);std::f<int>;g_[k];;é 4\n/srv/a.py:h:5; end; 6\n");
    for name in
        ["Work.run (/srv/a.py:3) (4", "std::f&lt;int&gt; (4", "g (4", "é (4", "/srv/a.py:h:5 (6", " end (6"]
    {
        assert!(svg.contains(&format!("<title>{name}")), "{name}: {svg}");
    }
    let svg = drawn(&["--encoding=ISO-8859-1"], "é 4\n");
    assert!(svg.contains("encoding=\"ISO-8859-1\"") && svg.contains("<title>&#233; (4") && svg.is_ascii());
    assert!(drawn(&[], "a\u{1}b 4\n").contains("<title>a␁b (4"));
}

#[test]
fn files_are_merged_and_a_link_is_a_command() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("one"), "a;b 1\n").expect("a file");
    fs::write(folder.path().join("two"), "a;b 2\nnothing\na;c 4\n").expect("a file");
    for name in ["flamegraph.pl", "flamegraph"] {
        let link = folder.path().join(name);
        symlink(FIRETOWER, &link).expect("a link");
        let finished =
            fed(Command::new(&link).args(["one", "-", "two", "--title=All"]), folder.path(), b"a;b 8\n");
        assert_eq!(
            (finished.code, finished.stderr.as_str()),
            (0, "firetower: two: ignored 1 line that is no stack\n")
        );
        assert!(finished.stdout.contains(">All</text>"));
        let expected = [
            "a (15 samples, 100.00%)",
            "all (15 samples, 100%)",
            "b (11 samples, 73.33%)",
            "c (4 samples, 26.67%)",
        ];
        assert_eq!(titles(&finished.stdout), expected);
    }
    let finished = flamegraph_in(folder.path(), &["-o", "x.svg", "one"], b"");
    assert_eq!((finished.code, finished.stdout.as_str(), finished.stderr.as_str()), (0, "", ""));
    assert!(fs::read_to_string(folder.path().join("x.svg")).expect("a file").contains("b (1 samples"));
    let help = fed(Command::new(folder.path().join("flamegraph.pl")).arg("--help"), folder.path(), b"");
    assert!(help.code == 0 && help.stdout.contains("Usage: firetower flamegraph [OPTIONS] [FILE]..."));
}

#[test]
fn what_is_no_input_gets_one_message() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("picture"), "<?xml version=\"1.0\"?><svg/>").expect("a file");
    fs::write(folder.path().join("austin"), "# mode: full\nP1;T1;a.py:f:1 5,0,0\n").expect("a file");
    for (arguments, input, code, what) in [
        (&[][..], &b""[..], 14, "no stack counts found: 0 lines"),
        (&[], b"no stack\nnor this\n", 14, "no stack counts found: 2 lines are no stacks"),
        (&[], b"a;b 0\n", 14, "no stack counts found"),
        (&[], b"\x00\xff\x12 4", 18, "standard input: it is in no format"),
        (&["nowhere"], b"", 18, "can't read nowhere: No such file"),
        (&["/"], b"", 18, "can't read /: Is a directory"),
        (&["picture"], b"", 18, "picture: it is a drawing"),
        (&["--input-format", "pprof"], b"a;b 3\n", 18, "as pprof it is invalid"),
        (&["-", "austin"], b"a 1\n", 18, "one counts samples, the other time"),
        (&[], b"a 9007199254740993\n", 18, "add up to more than"),
        (&["--colors", "plaid"], b"", 2, "plaid"),
        (&["--fontsize", "12.5"], b"", 2, "whole pixels"),
        (&["--minwidth", "wide"], b"", 2, "neither a number of pixels"),
        (&["--notes", "a<b"], b"", 2, "notes can't have"),
        (&["--encoding", "UTF-16"], b"", 2, "no encoding in which ASCII"),
        (&["--width", "5"], b"", 2, "5 is not in 100.."),
        (&["-o", "no/folder/x.svg"], b"a 1\n", 8, "no/folder"),
    ] {
        let finished = flamegraph_in(folder.path(), arguments, input);
        assert_eq!(
            (finished.code, finished.stdout.as_str()),
            (code, ""),
            "{arguments:?}: {}",
            finished.stderr
        );
        assert!(finished.stderr.contains(what), "{arguments:?}: {}", finished.stderr);
        assert_eq!(
            finished.stderr.matches("firetower: ").count(),
            usize::from(code != 2),
            "{}",
            finished.stderr
        );
    }
}
