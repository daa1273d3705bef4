//! Bytes that must come as bytes, and in order.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use switchboard::{Binary, Data, Namespace, Socket};

use crate::raw::{Any, Raw};

/// Registers the handlers.
pub(super) fn register(namespace: &Namespace) {
    for (event, reply) in [("doge", "doge"), ("getbin", "takebin")] {
        namespace.on(event, async move |socket: Socket| {
            socket.emit(reply, &Binary::from(b"asdfasdf".to_vec())).ok();
        });
    }
    namespace.on("blob", async |socket: Socket, raw: Raw| {
        socket.emit("blob", raw.args()).ok();
    });
    acknowledge(namespace, "buffa", &[], "buffack");
    acknowledge(namespace, "jsonbuff", &[], "jsonbuff-ack");
    acknowledge(namespace, "jsonblob", &[], "jsonblob-ack");
    acknowledge(namespace, "abuff2", &["abuff1"], "abuff2-ack");
    acknowledge(namespace, "blob3", &["blob1", "blob2"], "blob3-ack");
}

/// Emits `reply` when `event` has brought bytes, and those `before` have too.
fn acknowledge(
    namespace: &Namespace,
    event: &'static str,
    before: &'static [&str],
    reply: &'static str,
) {
    for event in before {
        namespace.on(event, async move |socket: Socket, Data(value): Data<Any>| {
            if is_right(&value) {
                seen(&socket, |it| it.insert(event));
            }
        });
    }
    namespace.on(event, async move |socket: Socket, Data(value): Data<Any>| {
        let is_complete = seen(&socket, |it| before.iter().all(|event| it.contains(event)));
        if is_right(&value) && is_complete {
            socket.emit(reply, ()).ok();
        }
    });
}

/// Bytes, or the object around bytes that those tests send.
fn is_right(value: &Any) -> bool {
    let Any::Object(fields) = value else { return value.is_bytes() };
    let is_text = |name: &str, text: &str| matches!(fields.get(name), Some(Any::Plain(it)) if it.as_str() == Some(text));
    is_text("hello", "lol")
        && is_text("goodbye", "gotcha")
        && fields.get("message").is_some_and(Any::is_bytes)
}

/// What this socket has sent already.
#[derive(Default)]
struct Seen(Mutex<BTreeSet<&'static str>>);

fn seen<T>(socket: &Socket, look: impl FnOnce(&mut BTreeSet<&'static str>) -> T) -> T {
    let seen = socket.extension::<Seen>().unwrap_or_else(|| {
        socket.insert(Seen::default());
        socket.extension::<Seen>().unwrap_or_default()
    });
    let mut seen = seen.0.lock().unwrap_or_else(PoisonError::into_inner);
    look(&mut seen)
}
