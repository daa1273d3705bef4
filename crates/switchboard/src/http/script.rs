//! JSONP: polls whose answers are scripts, for pages that may not read the answers of others.
//!
//! A poll with `j=0` in its query is answered by a call of `___eio[0]`, with the body as a string. A
//! POST comes from a form, which has the body as its field `d`. Available in both revisions of
//! Engine.IO, though official clients of revision 4 do not use it any more.
//!
//! Reference: `polling-jsonp.js` of engine.io 6.6.11, whose answers are `text/plain`. Ours say what
//! they are, and forbid browsers to guess.

use super::query;

/// The number by which the page knows the poll with that query.
pub(super) fn index(query: &str) -> Box<str> {
    let index = query::value(query, "j").unwrap_or_default();
    index.chars().filter(char::is_ascii_digit).collect()
}

/// The script that answers the poll of that number. `body` is UTF-8, because we have encoded it
/// ourselves.
pub(super) fn body(index: &str, body: &[u8]) -> Vec<u8> {
    let body = String::from_utf8_lossy(body);
    // A string of JSON is one of JavaScript, but for two line ends of Unicode.
    let text = serde_json::Value::from(body).to_string();
    let text = text.replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    format!("___eio[{index}]({text});").into_bytes()
}

/// The payload that a form has sent, if it has one.
pub(super) fn payload(form: &[u8]) -> Option<String> {
    query::value(&String::from_utf8_lossy(form), "d").map(|it| unescape(&it))
}

/// Forms change line ends, so that clients write `\n` for one, and `\\n` for what was `\n`.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        plain.push_str(before);
        let (meaning, len) = if escape.starts_with(r"\\n") {
            (r"\n", 3)
        } else if escape.starts_with(r"\n") {
            ("\n", 2)
        } else {
            (r"\", 1)
        };
        plain.push_str(meaning);
        rest = escape.get(len..).unwrap_or_default();
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::{body, index, payload, unescape};

    #[test]
    fn an_answer_is_a_valid_script() {
        let body = body(&index("EIO=3&j=7x1"), "1:4\u{2028}\u{2029}\"\u{1e}\n€".as_bytes());
        let script = r#"___eio[71]("1:4\u2028\u2029\"\u001e\n€");"#;
        assert_eq!(String::from_utf8_lossy(&body), script);
    }

    #[test]
    fn a_form_has_the_payload() {
        assert_eq!(payload(b"d=2%3A4%E2%82%AC").as_deref(), Some("2:4€"));
        assert_eq!(payload(b"x=1&d=a+b").as_deref(), Some("a b"));
        assert_eq!(payload(b"2:4a"), None);
    }

    #[test]
    fn line_ends_are_unescaped_as_by_the_official_server() {
        for (escaped, plain) in
            [(r"a\nb", "a\nb"), (r"a\\nb", r"a\nb"), (r"\\\n", r"\\n"), (r"\a\", r"\a\"), ("", "")]
        {
            assert_eq!(unescape(escaped), plain);
        }
    }
}
