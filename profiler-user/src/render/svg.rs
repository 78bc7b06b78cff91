//! An interactive flame graph, drawn by inferno: zoom, search and details work in any browser, without a network.
//!
//! Colours say where code comes from ([`Origin`]) and are a function of the frame's text alone. It must not know how
//! the profile was taken or where the picture goes.

use inferno::flamegraph::color::{BackgroundColor, Color, PaletteMap};
use inferno::flamegraph::{self, Options, TextTruncateDirection};

use super::tree::Tree;
use super::{Origin, RenderError, unattributed, visible};
use crate::model::Profile;

/// Boxes narrower than this share of the picture are not drawn: at a width of 1200 pixels, an eighth of a pixel.
/// It also bounds the size of the picture: at most this many boxes side by side.
const LEAST_SHARE: f64 = 1.0 / 10_000.0;
/// The frame for what is at the root and narrower than that.
const TOO_NARROW: &str = "[too narrow to be drawn]";
/// Characters of the subject that the title shows.
const SUBJECT_CHARACTERS: usize = 120;
/// Reasons that the subtitle names.
const REASONS: usize = 3;

/// The flame graph of a profile as an SVG document (UTF-8, with its own script). The same profile gives the same
/// bytes.
pub fn render(profile: &Profile) -> Result<Vec<u8>, RenderError> {
    let tree = Tree::new(profile);
    let total = tree.nodes[0].total.samples;
    if total == 0 {
        return Err(RenderError::empty(profile));
    }
    let tree = tree.pruned((total as f64 * LEAST_SHARE) as u64);
    let mut palette = palette(profile, &tree);
    let mut options = options(&mut palette);
    options.title = title(profile, total);
    options.subtitle = subtitle(profile, total);
    options.count_name = "samples".to_owned();
    options.min_width = LEAST_SHARE * 100.0;
    let lines = lines(&tree);
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg)?;
    Ok(svg)
}

/// What all of our flame graphs have in common. Lines must come sorted, and the palette must have every frame.
pub(super) fn options(palette: &mut PaletteMap) -> Options<'_> {
    let mut options = Options::default();
    options.name_type = "Frame:".to_owned();
    // The name is at the left end of a frame's text, the file at the right.
    options.text_truncate_direction = TextTruncateDirection::Right;
    options.palette_map = Some(palette);
    options.bgcolors = Some(BackgroundColor::Grey);
    // Frames that the palette does not have would get a random colour without this.
    options.deterministic = true;
    // inferno sorts lines with their counts and then wants them sorted without: the two orders differ for hostile
    // names, so they come sorted.
    options.no_sort = true;
    options
}

/// Folded lines in the order that inferno asks for: by the bytes of the stack's text. The weight of what was pruned
/// counts as its parent's own, so that the parent keeps its width.
fn lines(tree: &Tree) -> Vec<String> {
    let mut own: Vec<u64> = tree.nodes.iter().map(|node| node.total.samples).collect();
    for node in &tree.nodes[1..] {
        own[node.parent] -= node.total.samples;
    }
    let mut paths: Vec<(String, u64)> = Vec::new();
    // Of what is too narrow to be drawn at the root: without it, all others would be too wide.
    if own[0] > 0 {
        paths.push((TOO_NARROW.to_owned(), own[0]));
    }
    let mut counts = own.into_iter().skip(1);
    tree.paths(|path, _| match counts.next() {
        Some(count) if count > 0 => paths.push((path.to_owned(), count)),
        _ => {}
    });
    paths.sort_unstable();
    paths.into_iter().map(|(path, count)| format!("{path} {count}")).collect()
}

/// `firetower: python app.py (pid 4242), 60 s at 99 Hz, 5940 samples`.
fn title(profile: &Profile, total: u64) -> String {
    let about = &profile.about;
    let mut subject: String = visible(&about.subject);
    if let Some((cut, _)) = subject.char_indices().nth(SUBJECT_CHARACTERS) {
        subject.truncate(cut);
        subject.push('…');
    }
    let seconds = format!("{:.1}", about.duration as f64 / 1e9);
    let seconds = seconds.trim_end_matches('0').trim_end_matches('.');
    let frequency = match about.frequency {
        0 => String::new(),
        hertz => format!(" at {hertz} Hz"),
    };
    let plural = if total == 1 { "" } else { "s" };
    format!("firetower: {subject}, {seconds} s{frequency}, {total} sample{plural}")
}

/// What share has no whole, named Python stack, and why; none if there is none.
fn subtitle(profile: &Profile, total: u64) -> Option<String> {
    let reasons = unattributed(profile);
    let percent = |samples: u64| format!("{:.1} %", 100.0 * samples as f64 / total as f64);
    let sum: u64 = reasons.iter().map(|(_, weight)| weight.samples).sum();
    if sum == 0 {
        return None;
    }
    let named: Vec<String> = reasons
        .iter()
        .take(REASONS)
        .map(|(reason, weight)| format!("{} {}", percent(weight.samples), reason.text()))
        .collect();
    let rest = match reasons.len().saturating_sub(REASONS) {
        0 => String::new(),
        1 => ", 1 reason more".to_owned(),
        more => format!(", {more} reasons more"),
    };
    Some(format!("{} not attributed: {}{rest}", percent(sum), named.join(", ")))
}

fn palette(profile: &Profile, tree: &Tree) -> PaletteMap {
    let mut palette = PaletteMap::default();
    for node in &tree.nodes {
        let origin = node.frame.map_or(Origin::Label, |frame| Origin::of(profile.stacks.frame(frame)));
        let text = tree.text(node);
        palette.insert(text, color(origin, text));
    }
    palette.insert(TOO_NARROW, color(Origin::Unknown, TOO_NARROW));
    palette
}

/// FNV-1a of a text that gets a colour by it: short, and the same on every machine and in every release, which std's hashers do
/// not promise.
pub(crate) fn name_hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// A hue by origin, a shade by text.
fn color(origin: Origin, text: &str) -> Color {
    let hash = name_hash(text);
    let shade = |shift: u32, range: u8| ((hash >> shift) % (u64::from(range) + 1)) as u8;
    let (red, green, blue) = match origin {
        Origin::Own => (225 + shade(16, 30), 110 + shade(24, 90), 40 + shade(32, 30)),
        Origin::Package => (110 + shade(16, 40), 190 + shade(24, 30), 100 + shade(32, 30)),
        Origin::Library => (120 + shade(16, 30), 170 + shade(24, 30), 220 + shade(32, 30)),
        Origin::Kernel => (195 + shade(16, 30), 150 + shade(24, 25), 215 + shade(32, 30)),
        Origin::Label => (222, 222, 214),
        Origin::Unknown => (150 + shade(16, 15), 150 + shade(16, 15), 150 + shade(16, 15)),
    };
    Color { r: red, g: green, b: blue }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::tests::{profile, python};
    use super::*;
    use crate::model::{Frame, FrameKind, Reason};

    fn drawn(profile: &Profile) -> String {
        String::from_utf8(render(profile).unwrap()).unwrap()
    }

    fn example() -> Profile {
        let main = python("<module>", "/srv/app.py", 0);
        profile(&[
            (&[main.clone(), python("dumps", "/usr/lib/python3.12/json/__init__.py", 0)], 5000),
            (
                &[
                    main.clone(),
                    python("render<T>", "/srv/app.py", 0),
                    Frame::bare(FrameKind::Kernel, "vfs_read"),
                ],
                900,
            ),
            (&[Frame::unknown(Reason::NotPythonThread)], 30),
            (&[Frame::unknown(Reason::CodeReplaced)], 10),
        ])
    }

    #[test]
    fn what_is_too_narrow_at_the_root_is_one_frame() {
        let many: Vec<[Frame; 1]> =
            (0..20_001).map(|number| [python(&format!("f{number}"), "x.py", 0)]).collect();
        let mut stacks: Vec<(&[Frame], u64)> = many.iter().map(|stack| (&stack[..], 1)).collect();
        let svg = drawn(&profile(&stacks));
        assert!(svg.contains("[too narrow to be drawn] (20,001 samples, 100.00%)"), "{svg}");
        let wide = [python("wide", "x.py", 0)];
        stacks.push((&wide, 20_001));
        let svg = drawn(&profile(&stacks));
        assert!(svg.contains("[too narrow to be drawn] (20,001 samples, 50.00%)"));
        assert!(svg.contains("wide (x.py) (20,001 samples, 50.00%)"));
    }

    #[test]
    fn title_and_subtitle_say_what_it_is_of() {
        let svg = drawn(&example());
        assert!(svg.contains(">firetower: python app.py (pid 4242), 60 s at 99 Hz, 5940 samples<"));
        assert!(
            svg.contains(">0.7 % not attributed: 0.5 % not a Python thread, 0.2 % code object replaced<")
        );
        assert!(svg.contains("<title>render&lt;T&gt; (/srv/app.py) (900 samples, 15.15%)</title>"));
    }

    #[test]
    fn a_profile_without_unknown_frames_has_no_subtitle() {
        let svg = drawn(&profile(&[(&[python("f", "x.py", 0)], 1)]));
        assert!(svg.contains("60 s at 99 Hz, 1 sample<"));
        assert!(!svg.contains("not attributed"));
    }

    #[test]
    fn the_same_profile_gives_the_same_bytes() {
        assert_eq!(drawn(&example()), drawn(&example()));
    }

    #[test]
    fn an_empty_profile_is_an_error() {
        assert!(matches!(render(&profile(&[])), Err(RenderError::Empty { .. })));
    }

    #[test]
    fn narrow_boxes_go_and_their_parents_keep_their_width() {
        let f = |name: &str| python(name, "x.py", 0);
        let svg =
            drawn(&profile(&[(&[f("wide")], 99_000), (&[f("thin"), f("hair")], 9), (&[f("thin")], 991)]));
        assert!(svg.contains("thin (x.py) (1,000 samples"));
        assert!(!svg.contains("hair"));
    }

    #[test]
    fn origins_have_distinct_colours() {
        let origins =
            [Origin::Own, Origin::Package, Origin::Library, Origin::Kernel, Origin::Label, Origin::Unknown];
        for (index, origin) in origins.iter().enumerate() {
            for other in &origins[..index] {
                assert_ne!(color(*origin, "f (x.py)"), color(*other, "f (x.py)"));
            }
        }
    }

    proptest! {
        /// Whatever the names are, the picture is well-formed enough to have every sample and no raw control character.
        #[test]
        fn any_name_can_be_drawn(
            stacks in prop::collection::vec((prop::collection::vec(("\\PC*|.*", ".*"), 1..4), 1u64..100), 1..6)
        ) {
            let stacks: Vec<(Vec<Frame>, u64)> = stacks
                .into_iter()
                .map(|(frames, samples)| (frames.iter().map(|(name, file)| python(name, file, 0)).collect(), samples))
                .collect();
            let borrowed: Vec<(&[Frame], u64)> = stacks.iter().map(|(f, n)| (f.as_slice(), *n)).collect();
            let profile = profile(&borrowed);
            let svg = drawn(&profile);
            let total = profile.total().samples;
            let expected = format!("total_samples=\"{total}\"");
            prop_assert!(svg.contains(&expected));
            prop_assert!(!svg.chars().any(|c| c.is_control() && !c.is_whitespace()));
            prop_assert_eq!(&svg, &drawn(&profile));
        }
    }
}
