//! A Rust file as a flat list of tokens: no comments, and no items that only tests have.
//!
//! Tokens rather than a syntax tree, because a tree stops at macros, and `matches!(…)` is where a version check hides.

use anyhow::{Result, anyhow};
use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// As written; adjacent punctuation is one token (`>=`, `::`), a delimiter one for each end.
    pub text: String,
    /// From 1.
    pub line: usize,
}

/// The tokens of a file, without any item under `#[cfg(test)]`.
///
/// # Errors
/// If it is no Rust.
pub fn of(text: &str) -> Result<Vec<Token>> {
    let stream: TokenStream = text.parse().map_err(|error| anyhow!("{error}"))?;
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    Ok(tokens)
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    let mut trees = stream.into_iter().peekable();
    let mut joined = false;
    while let Some(tree) = trees.next() {
        let line = tree.span().start().line;
        let was_joined = std::mem::take(&mut joined);
        match tree {
            TokenTree::Punct(punct) if punct.as_char() == '#' && trees.peek().is_some_and(is_cfg_test) => {
                skip_item(&mut trees);
            }
            TokenTree::Punct(punct) => {
                joined = punct.spacing() == Spacing::Joint;
                match tokens.last_mut() {
                    Some(last) if was_joined => last.text.push(punct.as_char()),
                    _ => tokens.push(Token { text: punct.to_string(), line }),
                }
            }
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                tokens.push(Token { text: open.to_owned(), line });
                flatten(group.stream(), tokens);
                tokens.push(Token { text: close.to_owned(), line: group.span_close().start().line });
            }
            other => tokens.push(Token { text: other.to_string(), line }),
        }
    }
}

/// Whether this is the `[cfg(test)]` of an attribute.
fn is_cfg_test(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Group(group) if group.stream().to_string().replace(' ', "") == "cfg(test)")
}

/// Skips the rest of an item: to its body's end, or to the semicolon of one without.
fn skip_item(trees: &mut impl Iterator<Item = TokenTree>) {
    for tree in trees {
        match tree {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => return,
            TokenTree::Punct(punct) if punct.as_char() == ';' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> String {
        of(source).expect("Rust").into_iter().map(|token| token.text).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_go_and_macros_stay() {
        assert_eq!(texts("// a (3, 11)\nx!(a >= /* b */ 3);"), "x ! ( a >= 3 ) ;");
    }

    #[test]
    fn items_of_tests_go_and_the_next_item_stays() {
        let source = "#[cfg(test)] mod tests { fn f() {} } #[cfg(test)] use a::b; #[cfg(unix)] fn g() {}";
        assert_eq!(texts(source), "# [ cfg ( unix ) ] fn g ( ) { }");
    }

    #[test]
    fn a_token_knows_its_line() {
        let tokens = of("a\n\nb(\nc)").expect("Rust");
        let lines: Vec<usize> = tokens.iter().map(|token| token.line).collect();
        assert_eq!(lines, [1, 3, 3, 4, 4]);
        assert!(of("fn (").is_err());
    }
}
