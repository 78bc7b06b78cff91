//! The viewer as one file, with a profile inside: for any browser, without a network and without firetower.
//!
//! It is the page that the service has, with script and style put in, and the profile as JSON in an element that is no
//! script. What the profile says is a target's own text: in that element nothing but `<` could end it, and that is escaped.
//! The file's own policy lets this script and this style run by their digests, and nothing else, from nowhere else.
//!
//! It must not know where the profile came from.

use std::sync::LazyLock;

use sha2::{Digest as _, Sha256};

use super::call_tree::ProfileTree;
use super::{RenderError, markup, visible};
use crate::model::Profile;

const PAGE: &str = include_str!("../../web/index.html");
const SCRIPT: &str = include_str!("../../web/dist/viewer.js");
const STYLE: &str = include_str!("../../web/dist/viewer.css");
/// What stands for script and style in the page.
const SCRIPT_LINK: &str = "<script defer src=\"/viewer.js\"></script>";
const STYLE_LINK: &str = "<link rel=\"stylesheet\" href=\"/viewer.css\">";
const TITLE: &str = "<title>firetower</title>";
/// Where the viewer is put; script and profile come after it.
const END: &str = "</body>";
/// The link that leads to the service.
const NO_SCRIPT: (&str, &str) = ("<noscript>", "</noscript>");
/// The element that has the profile, as `profiler-user/web/src/data/saved.ts` looks for it.
const PROFILE: &str = "<script type=\"application/json\" id=\"firetower-profile\">";

/// The profile in the viewer. The same profile gives the same bytes.
///
/// # Errors
/// If it has no samples.
pub fn render(profile: &Profile) -> Result<Vec<u8>, RenderError> {
    if profile.samples.is_empty() {
        return Err(RenderError::empty(profile));
    }
    let json = serde_json::to_string(&ProfileTree::new(profile, 0.0, profile.about.start));
    let json = json.expect("numbers and texts are JSON, and a String takes them");
    Ok(page(&profile.about.subject, &json))
}

/// The viewer with this JSON inside: a profile or a difference, as the API answers them.
pub fn page(subject: &str, json: &str) -> Vec<u8> {
    let (head, rest) = &*PARTS;
    let title = markup(&visible(subject));
    let json = json.replace('<', "\\u003c");
    let script = ["<script>", SCRIPT, "</script>"].concat();
    [head[0].as_str(), &title, &head[1], PROFILE, &json, "</script>\n", &script, "\n", rest]
        .concat()
        .into_bytes()
}

/// The page until the title's text, from there until the profile, and its end.
static PARTS: LazyLock<([String; 2], &str)> = LazyLock::new(|| {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        digest(SCRIPT),
        digest(STYLE),
    );
    let style = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n  <style>{STYLE}</style>"
    );
    let page = PAGE.replace(SCRIPT_LINK, "").replace(STYLE_LINK, &style);
    let (before, rest) = page.split_once(NO_SCRIPT.0).expect("the page has it");
    let (_, after) = rest.split_once(NO_SCRIPT.1).expect("it ends");
    let page = format!("{before}<noscript>This page needs JavaScript.</noscript>{after}");
    let (before, after) = page.split_once(TITLE).expect("the page has a title");
    let (after, _) = after.split_once(END).expect("the page has an end");
    ([format!("{before}<title>"), format!(" – firetower</title>{after}")], "</body>\n</html>\n")
});

/// A digest as Content Security Policy has it.
fn digest(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text)))
}

/// Base64 of RFC 4648, with padding: of nothing but one digest at a time, which is no reason for a library.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group =
            chunk.iter().fold(0_u32, |group, byte| group << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = DIGITS[(group >> (18 - 6 * place) & 63) as usize];
            text.push(if place > chunk.len() { '=' } else { char::from(digit) });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::tests::{profile, python};
    use super::*;

    const HOSTILE: &str = "</script><img src=x onerror=alert(1)><!--<script>";

    /// The page of a profile with hostile names.
    fn example() -> String {
        let mut profile = profile(&[(&[python("<module>", "/srv/x.py", 0), python(HOSTILE, HOSTILE, 3)], 7)]);
        profile.about.subject = HOSTILE.to_owned();
        String::from_utf8(render(&profile).unwrap()).unwrap()
    }

    #[test]
    fn base64_as_in_the_standard() {
        for (text, expected) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(text.as_bytes()), expected);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfd]), "//79");
    }

    #[test]
    fn the_profile_comes_back_as_it_was() {
        let page = example();
        let (_, rest) = page.split_once(PROFILE).unwrap();
        let (json, _) = rest.split_once("</script>").unwrap();
        let tree: Value = serde_json::from_str(json).unwrap();
        assert_eq!((&tree["subject"], &tree["total"]["samples"]), (&HOSTILE.into(), &7.into()));
        let names = tree["frames"].as_array().unwrap().iter().map(|frame| frame["name"].as_str().unwrap());
        assert!(names.into_iter().any(|name| name == HOSTILE));
    }

    #[test]
    fn nothing_ends_an_element_that_should_not() {
        let page = example();
        let text = page.replace(SCRIPT, "").replace(STYLE, "");
        assert_eq!(text.matches("</script").count(), 2, "of the profile and of the viewer");
        assert!(!text.contains("<img") && !text.contains("<!--"), "{text}");
        for (of, never) in
            [(SCRIPT, "</script"), (SCRIPT, "<!--"), (STYLE, "</style"), (SCRIPT, "\r"), (STYLE, "\r")]
        {
            assert!(!of.to_lowercase().contains(never), "{never:?} would end it, or change its digest");
        }
    }

    #[test]
    fn it_needs_nothing_from_anywhere() {
        let page = example().replace(SCRIPT, "");
        for needs in [" src=\"", "href=\"/", "url(", "@import", "http://", "https://"] {
            assert!(!page.contains(needs), "{needs}");
        }
        let policy = format!("script-src '{}'; style-src '{}'", digest(SCRIPT), digest(STYLE));
        assert!(page.contains(&policy) && !page.contains("unsafe"), "{policy}");
        assert!(
            page.find("Content-Security-Policy") < page.find("<style"),
            "in force before anything is run"
        );
    }
}
