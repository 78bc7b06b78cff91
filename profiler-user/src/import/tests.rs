//! What was written is read again: our own formats, other tools' texts, and bytes of which nothing is true.

use std::io::Write;

use proptest::prelude::*;

use super::*;
use crate::model::{Frame, FrameKind, Reason};
use crate::render;

/// Stacks as text, root first, with kinds where they are not Python, sorted; samples and nanoseconds.
fn stacks(profile: &Profile) -> Vec<(String, u64, u64)> {
    let frame = |frame: &&Frame| match frame.kind {
        FrameKind::Python => format!("{}@{}:{}", frame.function, frame.file, frame.line),
        kind => format!("{}={}@{}:{}", kind.name(), frame.function, frame.file, frame.line),
    };
    let mut stacks: Vec<(String, u64, u64)> = profile
        .samples
        .iter()
        .map(|(stack, weight)| {
            let frames: Vec<String> = profile.stacks.root_first(*stack).iter().map(frame).collect();
            (frames.join(";"), weight.samples, weight.nanoseconds)
        })
        .collect();
    stacks.sort();
    stacks
}

fn ours() -> Profile {
    let python = |function: &str, file: &str, line| Frame {
        file: file.into(),
        line,
        ..Frame::bare(FrameKind::Python, function)
    };
    let mut profile = Profile::default();
    let mut add = |frames: &[Frame], samples| {
        let stack = profile.stacks.intern(frames.iter().cloned()).expect("a frame");
        profile.samples.push((stack, Weight { samples, nanoseconds: samples * 10_000_000 }));
    };
    let main = python("<module>", "/srv/a (b)/app.py", 30);
    add(&[main.clone(), python("Work.run", "/srv/app.py", 12)], 9);
    add(&[main.clone(), python("find", "<frozen importlib._bootstrap>", 0)], 2);
    add(&[main, python("no file", "", 0), Frame::bare(FrameKind::Kernel, "vfs_read")], 3);
    add(&[Frame::bare(FrameKind::Process, "process 7 (python x.py)"), Frame::unknown(Reason::NotPython)], 4);
    add(&[Frame::bare(FrameKind::Thread, "thread 8 (?)"), Frame::bare(FrameKind::Truncated, "")], 5);
    profile
}

#[test]
fn our_own_formats_are_read_again() {
    let ours = ours();
    let expected = stacks(&ours);
    for (format, read_as, measure) in [
        (render::Format::Folded, Format::Folded, Measure::Samples),
        (render::Format::Pprof, Format::Pprof, Measure::Both),
        (render::Format::Speedscope, Format::Speedscope, Measure::Nanoseconds),
        (render::Format::Json, Format::Json, Measure::Both),
    ] {
        let bytes = render::render(format, &ours).expect("samples");
        let imported = read(&bytes).unwrap_or_else(|error| panic!("{format:?}: {error}"));
        assert_eq!((imported.format, imported.measure, imported.skipped), (read_as, measure, 0));
        assert!(imported.notes.is_empty(), "{:?}", imported.notes);
        let kept: Vec<(String, u64, u64)> = expected
            .iter()
            .map(|(stack, samples, nanoseconds)| match measure {
                Measure::Samples => (stack.clone(), *samples, 0),
                // Without a file, nothing says that it is Python.
                Measure::Nanoseconds => (stack.replace("no file", "other=no file"), 0, *nanoseconds),
                Measure::Both => (stack.clone(), *samples, *nanoseconds),
            })
            .collect();
        assert_eq!(stacks(&imported.profile), kept, "{format:?}");
        assert_eq!(imported.in_order.len(), kept.len());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&bytes).expect("a Vec takes it");
        let packed = gzip.finish().expect("a Vec takes it");
        if format != render::Format::Pprof {
            assert_eq!(stacks(&read(&packed).expect("the same").profile), kept, "{format:?} in gzip");
        }
    }
}

/// Holds that a text is recognised as this format, and has these stacks.
#[track_caller]
fn reads(text: &str, format: Format, expected: &[(&str, u64, u64)]) -> Imported {
    let imported = read(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(imported.format, format);
    let expected: Vec<(String, u64, u64)> =
        expected.iter().map(|(stack, samples, time)| ((*stack).to_owned(), *samples, *time)).collect();
    assert_eq!(stacks(&imported.profile), expected);
    imported
}

#[test]
fn folded_text_of_anyone() {
    let text =
        "# made by hand\na;b 2\njunk\n\na;b 0.6\na;b 0.6\r\n{closure} 1\nno count;\nstd::f(int) (x) 7\n";
    let expected =
        [("other=a@:0;other=b@:0", 3, 0), ("other=std::f(int) (x)@:0", 7, 0), ("other={closure}@:0", 1, 0)];
    let imported = reads(text, Format::Folded, &expected);
    assert_eq!((imported.skipped, imported.notes.len(), imported.measure), (2, 1, Measure::Samples));
    assert_eq!(imported.in_order.len(), 4, "{:?}", imported.in_order);
}

#[test]
fn py_spys_text() {
    let text =
        "thread (20162);<module> (work.py:12);run (work.py:4) 40\nthread (20162);sleep (libc.so.6) 1\n";
    let expected = [
        ("thread=thread (20162)@:0;<module>@work.py:12;run@work.py:4", 40, 0),
        ("thread=thread (20162)@:0;other=sleep@libc.so.6:0", 1, 0),
    ];
    reads(text, Format::Folded, &expected);
}

#[test]
fn pyflames_text() {
    let text = "(idle) 12\n/srv/a.py:<module>:3;/srv/a.py:f:5 7\n";
    reads(text, Format::Pyflame, &[("<module>@/srv/a.py:3;f@/srv/a.py:5", 7, 0), ("other=(idle)@:0", 12, 0)]);
    let text = "(idle) 12\n/srv/a.py:<module>;/srv/a.py:f 7\n";
    reads(text, Format::Pyflame, &[("<module>@/srv/a.py:0;f@/srv/a.py:0", 7, 0), ("other=(idle)@:0", 12, 0)]);
    let text = "1500000000000000\n/srv/a.py:f:5;\n1500000000010000\n(idle)\n1500000000030000\n/srv/a.py:f:5;\nwhat\n";
    let imported = reads(text, Format::Pyflame, &[("f@/srv/a.py:5", 2, 0), ("other=(idle)@:0", 1, 0)]);
    assert_eq!((imported.in_order.len(), imported.skipped), (3, 1));
    let about = imported.profile.about;
    assert_eq!((about.start, about.duration), (1_500_000_000_000_000_000, 30_000_000));
}

#[test]
fn austins_text() {
    let text = "# austin: 3.7.0\n# interval: 20000\n# mode: wall\n\nP7;T0:8;/srv/a.py:<module>:12;/srv/a.py:f:4 20094\n\
                P7;T0:8;:GC: 6\nP7;T0:8 1\nP7;T0:8;/srv/a.py:<module>:12;/srv/a.py:f:4 6\n# duration: 2314949\nlost\n";
    let root = "process=P7@:0;thread=T0:8@:0";
    let f = format!("{root};<module>@/srv/a.py:12;f@/srv/a.py:4");
    let gc = format!("{root};other=GC@:0");
    let imported = reads(text, Format::Austin, &[(root, 0, 1_000), (&f, 0, 20_100_000), (&gc, 0, 6_000)]);
    assert_eq!((imported.measure, imported.skipped), (Measure::Nanoseconds, 1));
    assert_eq!(imported.profile.about.duration, 2_314_949_000);
    let full = "# mode: full\nP7;T8;/srv/a.py:f:4 20083,0,-4096\n";
    reads(full, Format::Austin, &[("process=P7@:0;thread=T8@:0;f@/srv/a.py:4", 0, 20_083_000)]);
    let error = read(b"# mode: memory\nP7;T8;a.py:f:4 4096\n").expect_err("bytes").to_string();
    assert!(error.contains("memory profile"), "{error}");
    let error = read(b"# mode: full\nP7;T8;a.py:f:4 4096\n").expect_err("one number").to_string();
    assert_eq!(
        error,
        "as austin it is invalid: line 2: \"4096\" is not `time,idle,bytes`, as the mode is `full`"
    );
}

#[test]
fn names_that_perf_script_writes_may_be_in_any_script() {
    for length in 0..40 {
        let name = format!("größe{}{}", "–".repeat(length), "x".repeat(length % 3));
        let text = format!(
            "pythön3  7/8 [001]  1.5:   10101010 cpu-clock:ppp: \n\t 7f1 py::{name}:/srv/ä.py (/tmp/perf-7.map)\n\n"
        );
        let imported = read_as(text.as_bytes(), Format::Perf).expect("an event");
        let functions: Vec<String> = imported
            .profile
            .stacks
            .frames()
            .map(|frame| format!("{} {}", frame.function, frame.file))
            .collect();
        assert_eq!(functions, ["pythön3 ".to_owned(), format!("{name} /srv/ä.py")]);
    }
}

#[test]
fn what_perf_script_writes() {
    let text = "# captured\npython3 4242/4243 [001]  2871.357026:   10101010 cpu-clock:ppp: \n\
        \tffffffff81 do_syscall_64+0x5d ([kernel.kallsyms])\n\
        \t    7f1a2b _PyEval_EvalFrameDefault+0x3d (/usr/lib/libpython3.12.so.1.0)\n\
        \t    7f1a2c py::Work.run:/srv/app.py (/tmp/perf-4242.map)\n\n\
        python3 4242/4243 [001]  2871.367026:   10101011 cpu-clock:ppp: \n\
        \t    7f1a2c py::Work.run:/srv/app.py (/tmp/perf-4242.map)\n\n\
        python3 4242/4243 [001]  2871.377026:   7 faults: \n\
        \t    7f1a2c py::Work.run:/srv/app.py (/tmp/perf-4242.map)\n";
    let run = "process=python3@:0;Work.run@/srv/app.py:0";
    let deep = format!("{run};other=_PyEval_EvalFrameDefault@:0;kernel=do_syscall_64@:0");
    let imported = reads(text, Format::Perf, &[(run, 1, 10_101_011), (&deep, 1, 10_101_010)]);
    assert_eq!((imported.measure, imported.skipped), (Measure::Both, 0));
    assert_eq!(imported.notes, ["1 events are not `cpu-clock`, the first kind, and were left out"]);
    let old = "java 42 cycles:\nffffffff8103 read_msr ([kernel.kallsyms])\n\nV8 Worker  43 cycles: \n\t 7f1 f (/x)\n";
    let expected = [("process=V8_Worker@:0;other=f@:0", 1, 0), ("process=java@:0;kernel=read_msr@:0", 1, 0)];
    reads(old, Format::Perf, &expected);
    let cycles = text.replace("cpu-clock:ppp", "cycles:P");
    reads(&cycles, Format::Perf, &[(run, 1, 0), (&deep, 1, 0)]);
}

#[test]
fn speedscopes_profiles() {
    let file = |profiles: &str| {
        format!(
            "{{\"shared\":{{\"frames\":[{{\"name\":\"f\",\"file\":\"x.py\",\"line\":3}},{{\"name\":\"g\"}}]}},\"profiles\":[{profiles}]}}"
        )
    };
    let sampled = r#"{"type":"sampled","name":"t","unit":"seconds","startValue":0,"endValue":1,"samples":[[0,1],[],[0]],"weights":[0.02,1,0.5]}"#;
    let evented = r#"{"type":"evented","name":"u","unit":"milliseconds","startValue":0,"endValue":9,"events":[
        {"type":"O","frame":0,"at":1},{"type":"O","frame":1,"at":3.5},{"type":"C","frame":1,"at":4},{"type":"C","frame":0,"at":6}]}"#;
    let both = [("f@x.py:3", 0, 504_500_000), ("f@x.py:3;other=g@:0", 0, 20_500_000)];
    reads(&file(&format!("{sampled},{evented}")), Format::Speedscope, &both);
    for (profiles, what) in [
        (sampled.replace("[0,1]", "[0,2]"), "profiles[0].samples[0]: there is no frame 2"),
        (sampled.replace("0.02,", ""), "3 samples and 2 weights"),
        (sampled.replace("0.02,", "-1,"), "profiles[0].weights[0]: it is negative"),
        (sampled.replace("seconds", "fortnights"), "\"fortnights\" is no unit"),
        (sampled.replace("seconds", "bytes"), "a profile of bytes"),
        (format!("{sampled},{}", sampled.replace("seconds", "none")), "its unit is one of time"),
        (evented.replace("3.5", "0.5"), "events[1]: it is before the event before it"),
        (evented.replace(r#"{"type":"C","frame":1"#, r#"{"type":"C","frame":0"#), "is not the innermost"),
        (sampled.replace("sampled", "painted"), "line 1 column"),
    ] {
        let error = read(file(&profiles).as_bytes()).expect_err(what).to_string();
        assert!(error.contains(what), "{what}: {error}");
    }
}

#[test]
fn what_is_no_profile_says_what_it_is() {
    let deep = format!("{} 1", vec!["a"; builder::MAX_DEPTH + 1].join(";"));
    for (bytes, what) in [
        (&b""[..], "no format that can be read"),
        (b"hello world", "no format that can be read"),
        (b"\x00\x01\x02\xff 12", "no format that can be read"),
        (b"\x1f\x8b\x08", "gzip compression is damaged"),
        (b"<?xml version=\"1.0\"?><svg/>", "a drawing"),
        (b"<!DOCTYPE html><p>1 2", "a web page"),
        (b"PERFILE2\0\0", "a recording of perf"),
        (b"MOJ\x03", "Austin's binary format"),
        (b"{}", "JSON, but of no profile"),
        (b"{\"meta\":{},\"threads\":[]}", "the Firefox Profiler"),
        (b"{\"a\": ", "line 1 column 6"),
        (b"a;b 0\n", "no stack counts found"),
        (b"a;b 9223372036854775807\na;c 9223372036854775807\n", "more than 9223372036854775807"),
        (b"a 1 2\nb 3 4\n", "a difference of two profiles"),
        (deep.as_bytes(), "more than 10000 frames"),
    ] {
        let error = read(bytes).expect_err(what);
        assert!(error.to_string().contains(what) && !error.hint().is_empty(), "{what}: {error}");
    }
}

/// A few bytes that make many: gzip members that are within the bound one by one.
#[test]
fn what_grows_without_end_is_refused() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&vec![0; 600_000]).expect("a Vec takes it");
    let bomb = gzip.finish().expect("a Vec takes it").repeat(2);
    assert!(bomb.len() < 10_000, "{}", bomb.len());
    assert!(matches!(unpacked_within(&bomb, 1_000_000), Err(ImportError::TooMuch { .. })));
    assert_eq!(unpacked_within(&bomb, 1_200_000).expect("it fits").len(), 1_200_000);
}

proptest! {
    /// No bytes panic, whatever they are read as; and what is read holds together.
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), index in 0..Format::ALL.len()) {
        let _ = read(&bytes);
        let _ = read_as(&bytes, Format::ALL[index]);
    }

    /// The same for text that is nearly right.
    #[test]
    fn no_text_panics(
        text in "([a-f/;:() .0-9\\[\\]{}\"#\t-]{0,30}(\n|\n\t| 1[.]5\n|:P7;T8|x 1/2 3[.]4: e:\n\t1 f \\(m\\))){0,6}",
        index in 0..Format::ALL.len()
    ) {
        let _ = read(text.as_bytes());
        let _ = read_as(text.as_bytes(), Format::ALL[index]);
    }

    /// A pprof that is changed anywhere is read or refused.
    #[test]
    fn no_damaged_pprof_panics(at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<prop::sample::Index>()) {
        let packed = render::render(render::Format::Pprof, &ours()).expect("samples");
        let mut bytes = unpacked(&packed).expect("gzip").into_owned();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = read_as(&bytes, Format::Pprof);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read_as(&bytes, Format::Pprof);
    }
}
