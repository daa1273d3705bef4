//! Any body of revision 3 may be refused, but what is accepted reads the same after it was written
//! again, as text and as bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_eio::payload::Record;
use switchboard_eio::{PeerError, v3};

fuzz_target!(|body: &[u8]| {
    again(v3::decode_bytes(body, PACKETS_MAX));
    if let Ok(body) = std::str::from_utf8(body) {
        again(v3::decode(body, PACKETS_MAX));
    }
});

fn again<'a>(records: impl Iterator<Item = Result<Record<'a>, PeerError>>) {
    let (mut good, mut errors) = (Vec::new(), 0);
    for record in records {
        assert_eq!(errors, 0, "something came after an error");
        match record {
            Ok(record) => good.push(record),
            Err(_) => errors += 1,
        }
    }
    assert!(good.len() <= PACKETS_MAX);

    let (mut text, mut bytes) = (Vec::new(), Vec::new());
    for record in &good {
        v3::encode(&record.packet(), &mut text);
        v3::encode_bytes(&record.packet(), &mut bytes);
    }
    let read: Vec<_> = v3::decode_bytes(&bytes, PACKETS_MAX).map(Result::unwrap).collect();
    assert_eq!(read, good);
    if !good.is_empty() {
        let text = String::from_utf8(text).expect("a body is text");
        let read: Vec<_> = v3::decode(&text, PACKETS_MAX).map(Result::unwrap).collect();
        assert_eq!(read, good);
    }
}

const PACKETS_MAX: usize = 64;
