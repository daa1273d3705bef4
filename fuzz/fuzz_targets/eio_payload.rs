//! Any body may be refused, but what is accepted reads the same after it was written again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use switchboard_eio::payload::{self, Record};

fuzz_target!(|body: &str| {
    let mut records: Vec<Record<'_>> = Vec::new();
    let mut errors = 0;
    for record in payload::decode(body, PACKETS_MAX) {
        assert_eq!(errors, 0, "something came after an error");
        match record {
            Ok(record) => records.push(record),
            Err(_) => errors += 1,
        }
    }
    assert!(records.len() <= PACKETS_MAX);

    let (mut again, mut len) = (Vec::new(), records.len().saturating_sub(1));
    for record in &records {
        payload::encode(&record.packet(), &mut again);
        len += payload::encoded_len(&record.packet());
    }
    assert_eq!(again.len(), len);
    if !records.is_empty() {
        let again = String::from_utf8(again).expect("a body is text");
        let read: Vec<_> = payload::decode(&again, PACKETS_MAX).map(Result::unwrap).collect();
        assert_eq!(read, records);
    }
});

const PACKETS_MAX: usize = 64;
