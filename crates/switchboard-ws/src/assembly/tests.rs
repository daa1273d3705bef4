//! That validating is linear, by counting what it looks at: no clock can prove that.

#![allow(clippy::disallowed_methods, reason = "a test may start the clock")]

use std::cell::Cell;
use std::time::Instant;

use crate::{Connection, Event, FrameHeader, Limits, Opcode, Role};

thread_local! {
    pub(super) static VALIDATED: Cell<usize> = const { Cell::new(0) };
}

/// Receives `text` in fragments, and each of these in pieces, as a client. Says how many bytes the
/// validator was given.
fn validated(text: &str, fragment_len: usize, piece_len: usize) -> usize {
    let limits = Limits { fragments_max: u32::MAX, ..Limits::default() };
    let role = Role::Client { mask_key: || [0; 4] };
    let mut connection = Connection::new(role, limits);
    let mut bytes = Vec::new();
    let mut opcode = Opcode::Text;
    for fragment in text.as_bytes().chunks(fragment_len) {
        let payload_len = fragment.len() as u64;
        FrameHeader { fin: false, rsv1: false, opcode, mask: None, payload_len }.encode(&mut bytes);
        bytes.extend(fragment);
        opcode = Opcode::Continuation;
    }
    FrameHeader { fin: true, rsv1: false, opcode, mask: None, payload_len: 0 }.encode(&mut bytes);
    VALIDATED.set(0);
    let mut events = Vec::new();
    for piece in bytes.chunks_mut(piece_len) {
        let mut input = piece;
        while let Some(event) =
            connection.receive(&mut input, Instant::now(), &mut Vec::new()).unwrap()
        {
            events.push(event.into_owned());
        }
    }
    assert!(events == [Event::Text(text.into())]);
    VALIDATED.get()
}

#[test]
fn utf8_is_validated_once_per_byte_however_the_message_is_cut() {
    let ascii = "a".repeat(300_000);
    let wide = "\u{20ac}\u{1f600}\u{e9}x".repeat(30_000);
    for (fragment_len, piece_len) in
        [(300_000, 300_000), (300_000, 7), (1, usize::MAX), (1000, 65_536), (3, 5), (1, 1)]
    {
        assert_eq!(validated(&ascii, fragment_len, piece_len), ascii.len());
        // Cut characters are put together elsewhere, four bytes at most.
        assert!(validated(&wide, fragment_len, piece_len) <= wide.len());
    }
    // All of them, where no character is cut.
    assert_eq!(validated(&wide, 10_000, usize::MAX), wide.len());
}
