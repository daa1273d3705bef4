//! The frames of HTTP/2 as bytes.
//!
//! Spec: RFC 9113, sections 4 and 6.

pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const WINDOW_MAX: u32 = (1 << 31) - 1;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const WINDOW_UPDATE: u8 = 8;

pub(super) const ACK: u8 = 1;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

pub(super) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
pub(super) const ENABLE_CONNECT_PROTOCOL: u16 = 8;

/// A frame that came whole.
pub(super) struct Frame<'i> {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) payload: &'i [u8],
}

/// Takes the next frame off `input`, if it is whole.
pub(super) fn next_frame<'i>(input: &mut &'i [u8]) -> Option<Frame<'i>> {
    let [a, b, c, kind, flags, s, t, u, v, tail @ ..] = *input else { return None };
    let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
    let (payload, rest) = tail.split_at_checked(length)?;
    *input = rest;
    let stream = u32::from_be_bytes([*s, *t, *u, *v]);
    Some(Frame { kind: *kind, flags: *flags, stream, payload })
}

/// Appends a frame whose payload `fill` appends.
pub(super) fn push(
    (kind, flags, stream): (u8, u8, u32),
    output: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>),
) {
    let start = output.len();
    output.extend_from_slice(&[0, 0, 0, kind, flags]);
    output.extend_from_slice(&stream.to_be_bytes());
    let body = output.len();
    fill(output);
    let length = u32::try_from(output.len() - body).unwrap_or(0).to_be_bytes();
    if let (Some(place), Some(length)) = (output.get_mut(start..start + 3), length.get(1..)) {
        place.copy_from_slice(length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_is_found_again_and_only_whole() {
        let mut bytes = Vec::new();
        push((DATA, END_STREAM, 7), &mut bytes, |output| output.extend_from_slice(b"abc"));
        assert_eq!(bytes, b"\0\0\x03\0\x01\0\0\0\x07abc");
        for cut in 0..bytes.len() {
            assert!(next_frame(&mut &bytes[..cut]).is_none());
        }
        let frame = next_frame(&mut &bytes[..]).unwrap();
        assert_eq!((frame.kind, frame.flags, frame.stream, frame.payload), (0, 1, 7, &b"abc"[..]));
    }
}
