//! Decoding on the hot path allocates nothing: counted, not believed.

#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::panic,
    reason = "an allocator that counts needs unsafe, and a test may fail loudly"
)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use switchboard_sio::{Body, Decoder, Input, Limits, Role};

#[test]
fn event_is_decoded_without_an_allocation() {
    let text = r#"2/chat,17["message",{"text":"hello \"you\" \u00e4","list":[1,2.5,null]},"x"]"#;
    let mut decoder = Decoder::new(Role::Server);
    let limits = Limits::default();
    let allocations = count(|| {
        let packet = decoder.receive(Input::Text(text), &limits).unwrap().unwrap();
        let Body::Event { id, payload } = packet.body else { panic!("no event") };
        assert_eq!((&*packet.namespace, id), ("/chat", Some(17)));
        assert_eq!(payload.event_name(), "message");
        assert!(payload.args_json().ends_with("null]},\"x\""));
    });
    assert_eq!(allocations, 0);
}

#[test]
fn other_packets_are_decoded_without_an_allocation() {
    let limits = Limits::default();
    for text in ["0", "0/x,{\"token\":\"t\"}", "1", "31[1,[2]]", "31", "2[1]"] {
        let mut decoder = Decoder::new(Role::Server);
        let allocations = count(|| drop(decoder.receive(Input::Text(text), &limits).unwrap()));
        assert_eq!(allocations, 0, "for {text}");
    }
}

/// So that the zeros above mean something.
#[test]
fn escaped_name_is_the_one_allocation() {
    let mut decoder = Decoder::new(Role::Server);
    let text = "2[\"a\\u0062\"]";
    assert_ne!(count(|| drop(decoder.receive(Input::Text(text), &Limits::default()).unwrap())), 0);
}

fn count(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

struct Counting;

// SAFETY: every call goes to `System` unchanged; the counter is a plain thread-local number.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller keeps to the contract of `alloc`, which is the same one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System`, in `alloc` above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
