//! Header values that are lists of tokens.
//!
//! Every function here looks at each byte once, whatever the bytes are.
//!
//! Spec: RFC 9110, sections 5.6.1 (lists), 5.6.2 (tokens) and 5.6.3 (whitespace).

/// A header value as text without the whitespace around it; `None` unless it is visible ASCII.
pub(super) fn text(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok().filter(|it| it.is_ascii())?;
    Some(trim(text))
}

/// Whether the list has `token` in it, in any case.
pub(super) fn has_token(list: &[u8], token: &str) -> bool {
    list.split(|it| *it == b',')
        .any(|item| item.trim_ascii().eq_ignore_ascii_case(token.as_bytes()))
}

/// The elements of a list of tokens, in order; empty ones are left out. An element that is not a
/// token is `None`.
pub(super) fn tokens(list: &str) -> impl Iterator<Item = Option<&str>> {
    list.split(',')
        .map(trim)
        .filter(|it| !it.is_empty())
        .map(|it| it.bytes().all(is_token_byte).then_some(it))
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

pub(crate) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
