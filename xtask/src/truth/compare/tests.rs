//! Judgements of samples whose truth is known.

use super::*;

const NOTES: &str = r#"{"pid":7,"tid":8,"begin":100,"end":200,"stack":[["<module>","a.py",9],["f","a.py",3],["hold","w.py",5]]}
{"pid":7,"tid":8,"begin":300,"end":400,"stack":[["<module>","a.py",9],["g","a.py",4],["hold","w.py",5]]}
"#;

/// A sample of process 7 with frames `name:file:line`, all of Python but those that end in `_[k]`.
fn sample(time: u64, tid: u32, frames: &str, rest: &str) -> String {
    let frame = |text: &str| match text.strip_suffix("_[k]") {
        Some(name) => format!(r#"{{"kind":"kernel","function":"{name}","file":null,"line":null}}"#),
        None => {
            let words: Vec<&str> = text.split(':').collect();
            let [name, file, line] = words[..] else { panic!("{text}") };
            format!(r#"{{"kind":"python","function":"{name}","file":"{file}","line":{line}}}"#)
        }
    };
    let frames: Vec<String> = frames.split_whitespace().map(frame).collect();
    format!(
        r#"{{"time":{time},"unix":0,"pid":7,"tid":{tid},"thread":"x","cpu":0,"weight":1,"stack":[{}],{rest}}}"#,
        frames.join(",")
    ) + "\n"
}

const WHOLE: &str = r#""reason":null,"truncated":false"#;
const CUT: &str = r#""reason":null,"truncated":true"#;

fn compared(samples: &str) -> Compared {
    let notes = notes(NOTES.as_bytes()).expect("notes");
    compare(&notes, samples.as_bytes()).expect("samples")
}

#[test]
fn each_way_to_be_right_or_wrong() {
    let cases: &[(&str, &str, Counts)] = &[
        ("<module>:a.py:9 f:a.py:3 hold:w.py:5", WHOLE, Counts { exact: 1, ..Counts::default() }),
        ("<module>:a.py:9 f:a.py:3 hold:w.py:5 read_[k]", WHOLE, Counts { exact: 1, ..Counts::default() }),
        ("<module>:a.py:9 f:a.py:3 hold:w.py:6", WHOLE, Counts { leaf_line: 1, ..Counts::default() }),
        ("f:a.py:3 hold:w.py:5", CUT, Counts { truncated: 1, ..Counts::default() }),
        ("<module>:a.py:8 f:a.py:3 hold:w.py:5", WHOLE, Counts { wrong: 1, ..Counts::default() }),
        ("<module>:a.py:9 f:a.py:3 hold:b.py:5", WHOLE, Counts { wrong: 1, ..Counts::default() }),
        ("<module>:a.py:9 g:a.py:4 hold:w.py:5", WHOLE, Counts { wrong: 1, ..Counts::default() }),
        ("<module>:a.py:9 f:a.py:3", WHOLE, Counts { wrong: 1, ..Counts::default() }),
        ("f:a.py:3 hold:w.py:5", WHOLE, Counts { wrong: 1, ..Counts::default() }),
        ("", WHOLE, Counts { wrong: 1, ..Counts::default() }),
        ("", CUT, Counts { wrong: 1, ..Counts::default() }),
        ("f:a.py:2 hold:w.py:5", CUT, Counts { wrong: 1, ..Counts::default() }),
        ("<module>:a.py:9 f:a.py:3 hold:w.py:5", CUT, Counts { wrong: 1, ..Counts::default() }),
    ];
    for (frames, rest, expected) in cases {
        let found = compared(&sample(150, 8, frames, rest));
        let expected = Counts { attributed: 1, ..expected.clone() };
        assert_eq!(found.counts, expected, "{frames} {rest}");
        assert_eq!(found.examples.len(), (expected.wrong + expected.leaf_line) as usize);
    }
}

#[test]
fn what_is_not_known_is_no_lie_and_has_its_reason() {
    let found = compared(&sample(150, 8, "", r#""reason":"code_unreadable","truncated":false"#));
    let reasons = BTreeMap::from([("code_unreadable".to_owned(), 1)]);
    assert_eq!((found.counts.wrong, found.counts.held(), found.counts.attributed), (0, 1, 0));
    assert_eq!((&found.counts.unknown, &found.counts.unattributed), (&reasons, &reasons));
}

#[test]
fn a_sample_is_judged_by_the_hold_of_its_thread_and_moment() {
    let f = "<module>:a.py:9 f:a.py:3 hold:w.py:5";
    let g = "<module>:a.py:9 g:a.py:4 hold:w.py:5";
    let exact = |time, tid, frames| {
        let counts = compared(&sample(time, tid, frames, WHOLE)).counts;
        (counts.held(), counts.exact)
    };
    for outside in [1, 100, 200, 250, 300, 400, 500] {
        assert_eq!(exact(outside, 8, f), (0, 0), "{outside}");
    }
    assert_eq!((exact(101, 8, f), exact(199, 8, f)), ((1, 1), (1, 1)));
    assert_eq!((exact(350, 8, f), exact(350, 8, g)), ((1, 0), (1, 1)));
    assert_eq!(exact(150, 9, f), (0, 0), "another thread");
}

#[test]
fn stacks_are_counted_once_and_all_samples_always() {
    let f = "<module>:a.py:9 f:a.py:3 hold:w.py:5";
    let samples = [110, 120, 130, 250].map(|time| sample(time, 8, f, WHOLE)).concat();
    let found = compared(&samples);
    assert_eq!((found.stacks, found.counts.exact, found.counts.attributed), (1, 3, 4));
}

#[test]
fn a_witness_that_contradicts_itself_and_lines_that_are_none_are_errors() {
    let twice = NOTES.replace("\"begin\":300", "\"begin\":150");
    assert!(compare(&notes(twice.as_bytes()).expect("notes"), "".as_bytes()).is_err());
    assert!(notes("{\"pid\":7}\n".as_bytes()).is_err());
    let notes = notes(NOTES.as_bytes()).expect("notes");
    assert!(compare(&notes, "{\"time\":1\n".as_bytes()).is_err());
}
