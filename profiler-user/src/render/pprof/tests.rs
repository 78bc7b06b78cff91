//! What the messages say, by the rules of `CheckValid` in google/pprof's `profile` package and those of Parca. Field
//! numbers are held by the integration tests, which read the bytes with a reader of their own and with `go tool pprof`.

use std::io::Read;

use proptest::prelude::*;

use super::super::tests::{Labelled, labelled, profile, python};
use super::*;
use crate::model::Reason;

fn decoded(profile: &Profile) -> ProfileMessage {
    let bytes = render(profile).expect("any profile has one");
    let mut message = Vec::new();
    flate2::read::GzDecoder::new(&bytes[..]).read_to_end(&mut message).expect("gzip");
    ProfileMessage::decode(&message[..]).expect("the message")
}

/// Holds the rules, one by one.
fn check(message: &ProfileMessage) {
    let texts = &message.string_table;
    let text =
        |index: i64| assert!((0..texts.len() as i64).contains(&index), "text {index} of {}", texts.len());
    assert_eq!(texts[0], "");
    assert_eq!(texts.iter().collect::<std::collections::HashSet<_>>().len(), texts.len(), "each text once");
    let sequential = |ids: Vec<u64>| assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    sequential(message.mapping.iter().map(|mapping| mapping.id).collect());
    sequential(message.function.iter().map(|function| function.id).collect());
    sequential(message.location.iter().map(|location| location.id).collect());
    for kind in message.sample_type.iter().chain(&message.period_type) {
        text(kind.kind);
        text(kind.unit);
    }
    message.mapping.iter().for_each(|mapping| text(mapping.filename));
    for function in &message.function {
        text(function.name);
        text(function.filename);
        assert_ne!(function.name, 0, "a function without a name counts as not symbolized");
    }
    for location in &message.location {
        assert!(location.mapping_id <= message.mapping.len() as u64);
        let [line] = &location.line[..] else { panic!("{location:?}") };
        assert!((1..=message.function.len() as u64).contains(&line.function_id));
    }
    for sample in &message.sample {
        assert_eq!(sample.value.len(), message.sample_type.len());
        assert!(!sample.location_id.is_empty());
        for id in &sample.location_id {
            assert!((1..=message.location.len() as u64).contains(id));
        }
        for label in &sample.label {
            text(label.key);
            text(label.str);
            assert!(label.key != 0 && label.str != 0);
        }
    }
}

#[test]
fn the_messages_of_a_small_profile() {
    let f = Frame { first_line: 3, ..python("C.f", "/srv/x.py", 5) };
    let message = decoded(&labelled(&[
        (&[f.clone(), Frame::bare(FrameKind::Kernel, "vfs_read")], 2, &[("pid", "7")]),
        (&[Frame::bare(FrameKind::Process, "process 7 (x)"), f], 3, &[]),
        (&[Frame::unknown(Reason::NotPython)], 1, &[("thread", "a\nb")]),
    ]));
    check(&message);
    let text = |index: i64| message.string_table[index as usize].as_str();
    let functions: Vec<_> = message
        .function
        .iter()
        .map(|function| (text(function.name), text(function.filename), function.start_line))
        .collect();
    assert_eq!(
        functions,
        [
            ("C.f", "/srv/x.py", 3),
            ("vfs_read_[k]", "", 0),
            ("process 7 (x)", "", 0),
            ("[not a Python process]", "", 0)
        ]
    );
    let places: Vec<_> =
        message.location.iter().map(|location| (location.mapping_id, location.line[0].line)).collect();
    assert_eq!(places, [(PYTHON, 5), (KERNEL, 0), (0, 0), (0, 0)]);
    let samples: Vec<_> = message
        .sample
        .iter()
        .map(|sample| {
            let labels =
                sample.label.iter().map(|label| (text(label.key), text(label.str))).collect::<Vec<_>>();
            (sample.location_id.as_slice(), sample.value.as_slice(), labels)
        })
        .collect();
    assert_eq!(
        samples,
        [
            (&[2, 1][..], &[2, 20_000_000][..], vec![("pid", "7")]),
            (&[1, 3], &[3, 30_000_000], vec![]),
            (&[4], &[1, 10_000_000], vec![("thread", "a␊b")]),
        ]
    );
    assert_eq!((message.time_nanos, message.duration_nanos), (1_700_000_000_000_000_000, 60_000_000_000));
    assert_eq!((message.period, text(message.default_sample_type)), (10_101_010, "cpu"));
    assert_eq!(text(message.comment[0]), "python app.py (pid 4242)");
}

#[test]
fn a_period_that_is_not_known_is_that_of_the_samples() {
    let mut profile = profile(&[(&[python("f", "x.py", 0)], 4)]);
    profile.about.frequency = 0;
    assert_eq!(period(&profile), 10_000_000);
    profile.samples.clear();
    assert_eq!(decoded(&profile).period, 0);
}

proptest! {
    /// Whatever the names, labels and numbers are, the rules hold and nothing is lost.
    #[test]
    fn any_profile_is_valid(
        stacks in prop::collection::vec(
            (prop::collection::vec((".*", ".*", any::<u32>()), 1..5), 1u64..100, ".+"), 0..8)
    ) {
        let frames: Vec<Vec<Frame>> = stacks
            .iter()
            .map(|(frames, _, _)| frames.iter().map(|(name, file, line)| python(name, file, *line)).collect())
            .collect();
        let labels: Vec<[(&str, &str); 1]> = stacks.iter().map(|(_, _, value)| [("thread", value.as_str())]).collect();
        let all: Vec<Labelled> = (0..stacks.len())
            .map(|index| (frames[index].as_slice(), stacks[index].1, labels[index].as_slice()))
            .collect();
        let message = decoded(&labelled(&all));
        check(&message);
        let sum: i64 = message.sample.iter().map(|sample| sample.value[0]).sum();
        prop_assert_eq!(sum as u64, stacks.iter().map(|(_, samples, _)| samples).sum::<u64>());
    }
}
