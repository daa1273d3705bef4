//! Real-time engine: Socket.IO, Engine.IO and WebSocket, wire-compatible with the official
//! clients, on tokio and hyper.
//!
//! Several servers of one process can form a [`cluster`]; several machines cannot yet.
//! It speaks Engine.IO 4 and Socket.IO 5, as clients of versions 3 and 4 do, and if it is told to
//! ([`ServerBuilder::allow_eio3`]) what older clients speak.
//!
//! | start here | for |
//! |---|---|
//! | [`Server`] | building a server, its options, serving it |
//! | [`Namespace::on`], [`Handler`] | handlers and what they may take |
//! | [`Socket`] | one client: emit, acks, rooms |
//! | [`Broadcast`] | many clients: rooms, exceptions |
//! | [`serve`], [`Serve`] | serving by itself: HTTP/1.1 and HTTP/2, TLS |
//! | [`Server::layer`] | serving inside axum and other frameworks |
//! | [`engine`] | Engine.IO without Socket.IO |
//! | [`ws`] | plain WebSockets |
//!
//! What is promised: events of a socket are handled one after the other, in the order in which
//! they were sent, and not before its connection handler has returned. What is emitted to a
//! socket arrives in the order of the emits. A client that takes nothing for 5 s while more than
//! 1 MiB waits for it, or for which 16 MiB wait, is disconnected; nobody else notices.
//!
//! ```no_run
//! use switchboard::{Ack, Data, Server, Socket};
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> std::io::Result<()> {
//!     let io = Server::builder().build();
//!     io.on("connection", async |socket: Socket| {
//!         socket.join("lobby").ok();
//!         socket.to("lobby").emit("joined", &socket.id()).ok();
//!     });
//!     io.of("/").on("message", async |socket: Socket, Data(text): Data<String>, ack: Ack| {
//!         socket.to("lobby").emit("message", &text).ok();
//!         ack.send(&"ok").ok();
//!     });
//!     let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
//!     switchboard::serve(listener, io, std::future::pending()).await
//! }
//! ```
//!
//! Features: `tls` (on) for TLS in [`Serve`] and `ws::connect`; `io-uring` (off, Linux 6.1 or later) sends
//! broadcasts to up to 256 clients in one system call, and changes nothing where it is not to be had.

mod ack;
mod batch;
mod bounds;
mod broadcast;
mod chunks;
mod deadline;
mod deflation;
mod dialect;
mod encoding;
mod error;
mod event_names;
mod extract;
mod families;
mod flags;
mod handler;
mod handshake;
mod http;
mod id;
mod listeners;
mod namespace;
mod namespaces;
mod outbox;
mod outgoing;
mod prepared;
mod recovery;
mod registration;
mod relay;
mod rooms;
mod server;
mod session;
mod socket;
mod state;
mod sync;
mod transport;
mod wheel;
mod writing;

pub mod cluster;
pub mod engine;
mod packet_rate;
pub mod parser;
pub mod ws;

pub use crate::http::service::{Layer, Layered, Service};
#[cfg(feature = "tls")]
pub use crate::http::tls;
pub use crate::http::{
    ClientBundles, ConnectionError, Cookie, Cors, HttpCompression, InvalidCookie, NotFound,
    PeerAddress, Refuse, RequestInfo, SameSite, Serve, serve, serve_with,
};
pub use ack::{Ack, EmitWithAck};
pub use broadcast::Broadcast;
pub use broadcast::acks::{BroadcastAck, BroadcastAckError, BroadcastAnswers};
pub use broadcast::remote::RemoteSocket;
pub use error::{
    AckError, ArgsError, ClusterError, ConnectError, DisconnectReason, EncodeError, EventError,
    JoinError,
};
pub use extract::{
    Args, Auth, Context, Data, DisconnectDescription, EventName, FromContext, Rejection, Rooms,
    State, TryData,
};
pub use handler::{Concurrent, Handler, HandlerFuture, concurrent};
pub use handshake::Handshake;
pub use id::Id;
pub use listeners::HandlerId;
pub use namespace::Namespace;
pub use namespace::dynamic::ParentNamespace;
pub use namespace::parent_broadcast::ParentBroadcast;
pub use outgoing::Outgoing;
pub use packet_rate::PacketRate;
pub use parser::Parser;
pub use recovery::Recovery;
pub use relay::Raw;
pub use rooms::events::RoomEvent;
pub use rooms::names::IntoRooms;
pub use server::{Server, ServerBuilder};
pub use socket::{Emitter, Socket};
pub use switchboard_sio::{Args as EmitArgs, Binary, Payload, RawArgs};
pub use transport::Transport;

/// The programs of the guide and of the pages beside it compile.
#[cfg(doctest)]
mod guide {
    #[doc = include_str!("../../../docs/guide/handlers.md")]
    mod handlers {}
    #[doc = include_str!("../../../docs/guide/namespaces.md")]
    mod namespaces {}
    #[doc = include_str!("../../../docs/guide/emitting.md")]
    mod emitting {}
    #[doc = include_str!("../../../docs/guide/rooms.md")]
    mod rooms {}
    #[doc = include_str!("../../../docs/guide/recovery.md")]
    mod recovery {}
    #[doc = include_str!("../../../docs/guide/delivery.md")]
    mod delivery {}
    #[doc = include_str!("../../../docs/http.md")]
    mod http {}
    #[doc = include_str!("../../../docs/engine.md")]
    mod engine {}
    #[doc = include_str!("../../../docs/parsers.md")]
    mod parsers {}
}
