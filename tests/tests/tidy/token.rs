//! Rust as tokens: comments and texts fall away, every name keeps its line.

use std::str::FromStr;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::checkout::File;

/// One token. A group is its opening token, its content and its closing token.
#[derive(Debug)]
pub(crate) struct Token {
    /// The token as written; `::` is one token; texts are `""`.
    pub(crate) text: String,
    /// Line, from 1.
    pub(crate) line: usize,
}

/// A path as it is meant: `use std::{fs, io::Read}` holds `std::fs` and `std::io::Read`.
#[derive(Debug)]
pub(crate) struct Name {
    /// The path, joined with `::`.
    pub(crate) path: String,
    /// Line of its last part, from 1.
    pub(crate) line: usize,
}

impl Name {
    /// Whether the path is `prefix`, or lies below it.
    pub(crate) fn is_below(&self, prefix: &str) -> bool {
        let rest = self.path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }
}

/// The tokens of `file`.
///
/// # Panics
/// When it is no Rust.
pub(crate) fn tokens(file: &File) -> Vec<Token> {
    let stream = TokenStream::from_str(&file.text)
        .unwrap_or_else(|error| panic!("{} is no Rust: {error}", file.path));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

/// Every path in `tokens`, with the braces of `use` taken apart.
pub(crate) fn names(tokens: &[Token]) -> Vec<Name> {
    let mut names = Vec::new();
    let mut prefixes: Vec<String> = Vec::new();
    let mut path = String::new();
    let mut previous = "";
    for token in tokens {
        match token.text.as_str() {
            "{" => {
                let prefix = if previous == "::" { path.as_str() } else { "" };
                prefixes.push(prefix.to_owned());
                path.clear();
            }
            "}" => {
                prefixes.pop();
                path.clear();
            }
            "::" => path.push_str("::"),
            word if is_word(word) => {
                if previous != "::" {
                    path = prefixes.last().cloned().unwrap_or_default();
                }
                path.push_str(word);
                let line = token.line;
                names.push(Name {
                    path: path.clone(),
                    line,
                });
            }
            _ => {}
        }
        previous = &token.text;
    }
    names
}

/// Whether `text` is an identifier or keyword.
pub(crate) fn is_word(text: &str) -> bool {
    text.starts_with(|letter: char| letter.is_alphabetic() || letter == '_')
}

fn flatten(stream: TokenStream, tokens: &mut Vec<Token>) {
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => {
                let (open, close) = match group.delimiter() {
                    Delimiter::Parenthesis => ("(", ")"),
                    Delimiter::Brace => ("{", "}"),
                    Delimiter::Bracket => ("[", "]"),
                    Delimiter::None => ("", ""),
                };
                let last = group.span_close().end().line;
                push(tokens, open, line);
                flatten(group.stream(), tokens);
                push(tokens, close, last);
            }
            TokenTree::Ident(word) => push(tokens, &word.to_string(), line),
            TokenTree::Literal(_) => push(tokens, "\"\"", line),
            TokenTree::Punct(mark) => match tokens.last_mut() {
                Some(last) if mark.as_char() == ':' && last.text == ":" => {
                    "::".clone_into(&mut last.text);
                }
                _ => push(tokens, &mark.as_char().to_string(), line),
            },
        }
    }
}

fn push(tokens: &mut Vec<Token>, text: &str, line: usize) {
    let text = text.to_owned();
    tokens.push(Token { text, line });
}

#[test]
fn names_are_read_through_braces_and_past_texts() {
    let file = File {
        path: "sample.rs".to_owned(),
        is_unit_tests: false,
        text: "use std::{fs, io::{self, Read}};\n// libc\nfn f() { let x: A = a::b(\"nix\"); }"
            .to_owned(),
    };
    let tokens = tokens(&file);
    let names = names(&tokens);
    let paths: Vec<&str> = names.iter().map(|name| name.path.as_str()).collect();
    let expected = [
        "use",
        "std",
        "std::fs",
        "std::io",
        "std::io::self",
        "std::io::Read",
        "fn",
        "f",
        "let",
        "x",
        "A",
        "a",
        "a::b",
    ];
    assert_eq!(paths, expected);
    assert_eq!(names[12].line, 3);
}
