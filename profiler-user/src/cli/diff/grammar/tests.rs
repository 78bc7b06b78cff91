//! What is read, what is refused, and at which column. They must not know what conditions are tried on.

use proptest::prelude::*;

use super::*;
use crate::model::FrameKind;

fn frame(function: &str, file: &str) -> Frame {
    Frame { file: file.into(), ..Frame::bare(FrameKind::Python, function) }
}

fn accepted(condition: &str, frames: &[(&str, &str)]) -> Vec<bool> {
    let condition = parse(condition).unwrap_or_else(|error| panic!("{condition}: {error}"));
    frames.iter().map(|(function, file)| condition.function.accepts(&frame(function, file))).collect()
}

#[test]
fn conditions_are_read() {
    use Comparison::{AtLeast, AtMost, Less, More};
    for (text, what, test) in [
        ("get_endpoint > 5%", What::Total, Test::Share(More, 0.05)),
        ("own(get_endpoint)>5%", What::Own, Test::Share(More, 0.05)),
        (" total ( f )  >=  0.5 % ", What::Total, Test::Share(AtLeast, 0.005)),
        ("cached < 1%", What::Total, Test::Share(Less, 0.01)),
        ("app.py:cached <= 100%", What::Total, Test::Share(AtMost, 1.0)),
        ("f grows > 2%", What::Total, Test::Grows(More, 0.02)),
        ("own(/^f/) grows >= 2 %", What::Own, Test::Grows(AtLeast, 0.02)),
        ("own > 5%", What::Total, Test::Share(More, 0.05)),
        ("grows grows > 5%", What::Total, Test::Grows(More, 0.05)),
        ("<module>>5%", What::Total, Test::Share(More, 0.05)),
    ] {
        let found = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!((found.what, found.test, &*found.text), (what, test, text.trim()), "{text}");
    }
}

#[test]
fn functions_are_named_by_the_end_of_their_names_and_files() {
    let frames = [("get", "/srv/app.py"), ("Api.get", "/srv/web/app.py"), ("target", "/srv/myapp.py")];
    assert_eq!(accepted("get > 1%", &frames), [true, true, false]);
    assert_eq!(accepted("Api.get > 1%", &frames), [false, true, false]);
    assert_eq!(accepted("app.py:get > 1%", &frames), [true, true, false]);
    assert_eq!(accepted("web/app.py:get > 1%", &frames), [false, true, false]);
    assert_eq!(accepted("\"/srv/app.py\":get > 1%", &frames), [true, false, false]);
    assert_eq!(accepted("/get/ > 1%", &frames), [true, true, true]);
    assert_eq!(accepted("/^get$/ > 1%", &frames), [true, false, false]);
    assert_eq!(accepted("app.py:/g.t$/ > 1%", &frames), [true, true, false]);
    let odd = [("f.<locals>.<lambda>", "a.py"), ("a b(c)", "a.py"), ("a/b", "a.py")];
    assert_eq!(accepted("<lambda> > 1%", &odd), [true, false, false]);
    assert_eq!(accepted("f.<locals>.<lambda> > 1%", &odd), [true, false, false]);
    assert_eq!(accepted("\"a b(c)\" > 1%", &odd), [false, true, false]);
    assert_eq!(accepted(r"/^a\/b$/ > 1%", &odd), [false, false, true]);
}

#[test]
fn errors_point_at_their_column() {
    for (text, column, words) in [
        ("", 1, "it ends where the name of a function"),
        ("   ", 4, "it ends where the name of a function"),
        ("get_endpoint", 13, "it ends where >, >=, <, <= or grows"),
        ("get_endpoint 5%", 14, "there is '5' where >, >=, <, <= or grows"),
        ("get_endpoint > five%", 16, "there is 'f' where a number"),
        ("get_endpoint > 5", 17, "it ends where %"),
        ("get_endpoint > 5% now", 19, "there is 'n' where the end"),
        ("get_endpoint > 101%", 16, "more than 100"),
        ("get_endpoint > 1.2.3%", 16, "a number"),
        ("get_endpoint > -1%", 16, "there is '-' where a number"),
        ("getä grows 5%", 12, "there is '5' where > or >="),
        ("f grows < 5%", 9, "there is '<' where > or >="),
        ("own(f > 5%", 7, "there is '>' where )"),
        ("own() > 5%", 5, "there is ')' where the name of a function"),
        ("app.py: > 5%", 8, "there is ' ' where the name of a function of that file"),
        ("\"open > 5%", 1, "not closed"),
        ("\"\" > 5%", 1, "is empty"),
        ("/open > 5%", 1, "no / at its end"),
        ("f:/(/ > 5%", 3, "can't be used: unclosed group"),
        ("/srv/app.py:get > 5%", 6, "belongs in quotes"),
        ("/(a{500}){500}/ > 5%", 1, "can't be used"),
    ] {
        let error = parse(text).expect_err(text);
        assert!(error.starts_with(&format!("at column {column}: ")), "{text}: {error}");
        assert!(error.contains(words), "{text}: {error}");
        let mark = error.lines().last().expect("a mark");
        assert_eq!(mark.chars().count(), 4 + column, "{error}");
    }
    assert!(parse(&"x".repeat(MAX_BYTES + 1)).is_err());
}

proptest! {
    #[test]
    fn whatever_is_typed_is_read_or_refused(text in "\\PC{0,40}|[a-z()/<>:\"\\\\% ]{0,20}( grows)?[><=]{0,2}[0-9.]{0,4}%?") {
        if let Err(error) = parse(&text) {
            prop_assert!(error.starts_with("at column "), "{error}");
        }
    }
}
