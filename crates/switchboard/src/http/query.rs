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
/// Every handshake asks for several: so it looks at each byte once, and decodes no name that is
/// not encoded.
pub(crate) fn value<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (mut end, mut equals, mut is_encoded) = (query.len(), None, false);
    let value_in = |start: usize, end: usize, equals: Option<usize>, is_encoded: bool| {
        let key = query.get(start..equals.unwrap_or(end)).unwrap_or_default();
        let is_it = key == name || is_encoded && decode(key) == name;
        let value = || equals.and_then(|it| query.get(it + 1..end)).unwrap_or_default();
        is_it.then(|| decode(value()))
    };
    for (at, byte) in query.bytes().enumerate().rev() {
        match byte {
            b'&' => {
                let value = value_in(at + 1, end, equals, is_encoded);
                if value.is_some() {
                    return value;
                }
                (end, equals, is_encoded) = (at, None, false);
            }
            b'=' => equals = Some(at),
            b'%' | b'+' => is_encoded = true,
            _ => {}
        }
    }
    value_in(0, end, equals, is_encoded)
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
        assert_eq!(value("%61=1=2&b", "a").as_deref(), Some("1=2"));
        assert_eq!(value("a=1&b=+", "a").as_deref(), Some("1"));
    }
}
