//! What is told to the person at the terminal: messages to stdout, everything else to stderr.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use switchboard::ws::{CloseCode, Closed, Message};

/// Prints a message behind `< `.
pub(crate) fn message(message: &Message) {
    let mut stdout = std::io::stdout().lock();
    let text = match message {
        Message::Text(text) if stdout.is_terminal() => harmless(text),
        Message::Text(text) => Cow::Borrowed(&**text),
        Message::Binary(bytes) => {
            let hex: String = bytes.iter().map(|it| format!("{it:02x}")).collect();
            Cow::Owned(format!("[{} bytes] {hex}", bytes.len()))
        }
    };
    // A reader that has gone, as in `wscat … | head`, is told by the next read of its messages.
    writeln!(stdout, "< {text}").ok();
}

/// Tells how the peer ended the connection, and what that comes to.
pub(crate) fn end(closed: Option<Closed>) -> ExitCode {
    match closed {
        Some(Closed::Frame { code, reason }) => {
            let number = code.map_or(1005, CloseCode::value);
            let reason = if reason.is_empty() { reason } else { format!(" {}", harmless(&reason)) };
            eprintln!("closed: {number}{reason}");
            match number {
                1000 | 1001 | 1005 => ExitCode::SUCCESS,
                _ => ExitCode::FAILURE,
            }
        }
        _ => {
            eprintln!("closed: 1006 the connection was lost");
            ExitCode::FAILURE
        }
    }
}

/// Without the characters by which a server could take over the terminal.
fn harmless(text: &str) -> Cow<'_, str> {
    let is_harmless = |it: char| it == '\t' || it == '\n' || !it.is_control();
    if text.chars().all(is_harmless) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        if is_harmless(character) {
            safe.push(character);
        } else {
            safe.extend(character.escape_default());
        }
    }
    Cow::Owned(safe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_instead_of_obeyed() {
        assert_eq!(harmless("a\tb ä"), "a\tb ä");
        assert_eq!(harmless("\u{1b}[2Jgone\r"), "\\u{1b}[2Jgone\\r");
        assert_eq!(harmless("\u{9b}2J"), "\\u{9b}2J");
    }
}
