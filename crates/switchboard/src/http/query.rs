//! Query strings: the few parameters that Engine.IO needs.

use std::borrow::Cow;

/// All parameters in their order, percent-decoded.
pub(crate) fn pairs(query: &str) -> impl Iterator<Item = (String, String)> {
    let pairs = query.split('&').filter(|it| !it.is_empty());
    let pairs = pairs.map(|it| it.split_once('=').unwrap_or((it, "")));
    pairs.map(|(name, value)| (decode(name).into_owned(), decode(value).into_owned()))
}

/// The percent-decoded value of the last parameter of that name, as official servers see it.
///
/// Every handshake asks for several: so it looks at bytes, of which there are few, and copies none
/// that need no decoding.
pub(crate) fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let mut rest = Some(query);
    while let Some(pairs) = rest {
        let (before, pair) = match pairs.bytes().rposition(|it| it == b'&') {
            None => (None, pairs),
            Some(at) => (pairs.get(..at), pairs.get(at + 1..).unwrap_or_default()),
        };
        rest = before;
        let len = pair.bytes().position(|it| it == b'=').unwrap_or(pair.len());
        if decode(pair.get(..len).unwrap_or_default()) == name {
            return Some(decode(pair.get(len + 1..).unwrap_or_default()));
        }
    }
    None
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|it| matches!(it, b'+' | b'%')) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match (byte, after) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            _ => bytes.push(byte),
        }
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

#[cfg(test)]
mod tests {
    use super::value;

    #[test]
    fn values_are_found_and_decoded() {
        let query = "EIO=4&transport=web%73ocket&t=a+b&x=%zz&x=last&flag";
        assert_eq!(value(query, "transport").as_deref(), Some("websocket"));
        assert_eq!(value(query, "t").as_deref(), Some("a b"));
        assert_eq!(value(query, "x").as_deref(), Some("last"));
        assert_eq!(value(query, "flag").as_deref(), Some(""));
        assert_eq!(value(query, "sid"), None);
        assert_eq!(value("a=%e2%82", "a").as_deref(), Some("\u{fffd}"));
    }
}
