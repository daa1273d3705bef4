//! Rooms: joining, leaving, and who hears what.

use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard::{Ack, Args, Broadcast, Data, Namespace, RawArgs, Socket};

use crate::raw::Any;

/// Registers the handlers.
pub(super) fn register(namespace: &Namespace) {
    namespace.on("join", async |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.join(room).ok();
        ack.send(&rooms_of(&socket)).ok();
    });
    namespace.on("leave", async |socket: Socket, Data(room): Data<String>, ack: Ack| {
        socket.leave(room);
        ack.send(&rooms_of(&socket)).ok();
    });
    let all = namespace.clone();
    namespace.on("sockets", async move |Data(room): Data<String>, ack: Ack| {
        let found = all.to(room).sockets();
        let mut ids: Vec<_> = found.iter().map(|it| it.displayed_id().into_owned()).collect();
        ids.sort();
        ack.send(&ids).ok();
    });
    namespace.on("tell", async |socket: Socket, Data(told): Data<Told>, ack: Ack| {
        told.emit(socket.broadcast());
        ack.send(()).ok();
    });
    namespace.on(
        "tell-bytes",
        async |socket: Socket, Args((room, it)): Args<(String, Any)>, ack: Ack| {
            socket.to(room).emit("told", &it).ok();
            ack.send(()).ok();
        },
    );
    namespace.on("broadcast", async |socket: Socket, Data(message): Data<Any>, ack: Ack| {
        socket.broadcast().emit("told", &message).ok();
        ack.send(()).ok();
    });
    let all = namespace.clone();
    namespace.on("all", async move |Data(told): Data<Told>, ack: Ack| {
        told.emit(all.broadcast());
        ack.send(()).ok();
    });
}

/// Whom a message is for, and its arguments.
#[derive(Deserialize)]
struct Told {
    rooms: Vec<String>,
    except: Vec<String>,
    args: Box<RawValue>,
}

impl Told {
    fn emit(&self, to: Broadcast) {
        let to = to.to(&self.rooms);
        let to = to.except(&self.except);
        let list = self.args.get().trim();
        let json = list.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(list);
        to.emit("told", RawArgs { json, attachments: &[] }).ok();
    }
}

fn rooms_of(socket: &Socket) -> Vec<String> {
    let mut rooms: Vec<_> = socket.rooms().iter().map(ToString::to_string).collect();
    rooms.sort();
    rooms
}
