//! Pictures of two trees: what each frame says, how wide it is, and in which colour. They must not know what was compared.

use proptest::prelude::*;

use super::super::tests::python;
use super::*;

/// Of stacks, root first, with the counts of both sides; each stack once.
fn compared(stacks: &[(&[&str], (u64, u64))]) -> Compared {
    let node = |frame, parent| Node {
        frame,
        parent,
        total: (0.0, 0.0),
        samples: (0, 0),
        own: (0, 0),
        is_noise: None,
    };
    let mut nodes = vec![node(None, 0)];
    for (names, own) in stacks {
        let mut path = vec![0];
        for name in *names {
            let (parent, frame) = (path[path.len() - 1], Some(python(name, "x.py", 0)));
            let is_it = |node: &Node| node.parent == parent && node.frame == frame;
            let known = nodes.iter().position(is_it).unwrap_or(nodes.len());
            if known == nodes.len() {
                nodes.push(node(frame, parent));
            }
            path.push(known);
        }
        nodes[path[path.len() - 1]].own = *own;
        for at in path {
            nodes[at].samples.0 += own.0;
            nodes[at].samples.1 += own.1;
        }
    }
    let all = nodes[0].samples;
    for node in &mut nodes {
        let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
        node.total = (share(node.samples.0, all.0), share(node.samples.1, all.1));
    }
    Compared { title: "a.folded → b.folded".into(), unit: Unit::Share, nodes }
}

fn drawn(compared: &Compared) -> String {
    String::from_utf8(svg(compared).unwrap()).unwrap()
}

/// Each frame's title, width in per cent and colour.
fn frames(svg: &str) -> Vec<(String, f64, String)> {
    let (_, frames) = svg.split_once("<svg id=\"frames\"").unwrap();
    let between = |text: &str, begin: &str, end: &str| {
        text.split_once(begin).unwrap().1.split_once(end).unwrap().0.to_owned()
    };
    let frame = |group: &str| {
        let width = between(group, "width=\"", "%").parse().unwrap();
        (between(group, "<title>", "</title>"), width, between(group, "fill=\"", "\""))
    };
    frames.split("<g>").skip(1).map(frame).collect()
}

fn find(svg: &str, name: &str) -> (String, f64, String) {
    let all = frames(svg);
    all.iter()
        .find(|(title, ..)| title.starts_with(name))
        .unwrap_or_else(|| panic!("{name}: {all:?}"))
        .clone()
}

fn example() -> Compared {
    compared(&[
        (&["main", "gone"], (300, 0)),
        (&["main", "new"], (0, 100)),
        (&["main", "same"], (600, 600)),
        (&["main", "less"], (100, 300)),
    ])
}

#[test]
fn what_is_gone_is_drawn_and_says_so() {
    let svg = drawn(&example());
    let (title, width, color) = find(&svg, "gone");
    assert_eq!(
        title,
        "gone (x.py) (before 30.00 %, after 0.00 %, change -30.00 points, gone; 300 and 0 samples)"
    );
    assert!((width - 15.0).abs() < 0.01, "{width}");
    assert_eq!(color, "rgb(48,96,224)");
    let (title, width, color) = find(&svg, "new");
    assert_eq!(
        title,
        "new (x.py) (before 0.00 %, after 10.00 %, change +10.00 points, new; 0 and 100 samples)"
    );
    assert!((width - 5.0).abs() < 0.01, "{width}");
    assert_eq!(color, "rgb(224,48,32)");
    let (title, width, _) = find(&svg, "main");
    assert!(title.contains("before 100.00 %, after 100.00 %, change +0.00 points;"), "{title}");
    assert!((width - 100.0).abs() < 0.01, "{width}");
    assert!(find(&svg, "all").0.starts_with("all (before 100.00 %"));
    assert_eq!(find(&svg, "same").2, "rgb(206,204,194)");
    assert!(
        svg.contains(">firetower: a.folded → b.folded<") && svg.contains(">red grew, blue shrank; width")
    );
    assert!(svg.contains(">same (x.py)</text>"), "a viewer without scripts has names, too");
}

#[test]
fn noise_has_no_colour() {
    let mut compared = example();
    compared.nodes.iter_mut().for_each(|node| node.is_noise = Some(true));
    let svg = drawn(&compared);
    assert!(
        frames(&svg)
            .iter()
            .all(|(title, _, color)| { color == "rgb(206,204,194)" && title.contains("within noise") })
    );
    assert!(svg.contains("grey is within noise"));
}

#[test]
fn other_units_are_said() {
    let with = |unit| drawn(&Compared { unit, ..example() });
    let times = with(Unit::Nanoseconds);
    assert!(times.contains("before 0.000 s, after 0.000 s"), "{times}");
    assert!(with(Unit::Samples).contains("change +0 samples"));
}

#[test]
fn what_is_too_narrow_goes_and_parents_keep_their_width() {
    let svg = drawn(&compared(&[
        (&["wide"], (99_000, 99_000)),
        (&["thin", "hair"], (1, 9)),
        (&["thin"], (999, 991)),
    ]));
    assert!(!svg.contains("hair"));
    assert!((find(&svg, "thin").1 - 1.0).abs() < 0.01);
    let names: Vec<String> = (0..20_001).map(|number| format!("f{number}")).collect();
    let names: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
    let mut stacks: Vec<(&[&str], (u64, u64))> = names.iter().map(|name| (&name[..], (1, 1))).collect();
    stacks.push((&["wide"], (20_001, 20_001)));
    let svg = drawn(&compared(&stacks));
    assert_eq!(frames(&svg).len(), 3);
    assert!((find(&svg, TOO_NARROW).1 - 50.0).abs() < 0.01);
}

#[test]
fn nothing_can_not_be_drawn() {
    for nothing in [compared(&[]), Compared { nodes: Vec::new(), ..example() }] {
        assert!(matches!(svg(&nothing), Err(RenderError::Empty { .. })));
        assert_eq!(folded(&nothing), b"");
    }
}

#[test]
fn folded_stacks_have_both_counts() {
    let text = String::from_utf8(folded(&example())).unwrap();
    let expected = "main (x.py);gone (x.py) 300 0\nmain (x.py);less (x.py) 100 300\n\
                    main (x.py);new (x.py) 0 100\nmain (x.py);same (x.py) 600 600\n";
    assert_eq!(text, expected);
}

proptest! {
    /// Whatever the names are, each frame has its words, and the picture is well-formed enough for a browser.
    #[test]
    fn any_name_can_be_drawn(names in prop::collection::btree_set("\\PC*|.*|</title>|[(&<>]{1,3}", 1..8)) {
        let names: Vec<[&str; 1]> = names.iter().map(|name| [name.as_str()]).collect();
        let stacks: Vec<(&[&str], (u64, u64))> = names.iter().map(|name| (&name[..], (3, 4))).collect();
        let svg = drawn(&compared(&stacks));
        let frames = frames(&svg);
        prop_assert_eq!(frames.len(), names.len() + 1);
        for (title, ..) in frames {
            prop_assert!(title.contains("(before ") && !title.contains('<'), "{}", title);
        }
        prop_assert!(!svg.chars().any(|c| c.is_control() && !c.is_whitespace()));
    }
}
