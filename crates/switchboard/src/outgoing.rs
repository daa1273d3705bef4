//! Watching what is emitted: closures that see every event on its way out.
//!
//! When nobody watches, an emit costs one relaxed load. Otherwise the arguments are written once
//! as JSON, shown, and sent from there.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use switchboard_sio::{self as sio, Args, ArgsError, EncodeError, Payload, RawArgs};
use tracing::debug;

use crate::encoding::Encoded;
use crate::namespace::NamespaceInner;
use crate::parser::Decoding;
use crate::prepared::Prepared;
use crate::socket::Socket;

/// An event on its way to clients, as `on_any_outgoing` sees it.
///
/// The arguments are decoded when somebody asks for them.
///
/// ```
/// use switchboard::{Outgoing, Server, Socket};
///
/// let io = Server::builder().build();
/// io.on("connection", async |socket: Socket| {
///     socket.on_any_outgoing(|outgoing: &Outgoing<'_>| {
///         println!("{} {}", outgoing.event(), outgoing.args_json());
///     });
/// });
/// ```
#[derive(Debug)]
pub struct Outgoing<'a> {
    event: &'a str,
    payload: Payload<'a>,
    socket: Option<&'a Socket>,
}

impl Outgoing<'_> {
    /// The name of the event.
    pub fn event(&self) -> &str {
        self.event
    }

    /// To whom, where a socket's own closure is called or one socket is meant; `None` where a
    /// namespace's closure sees a broadcast.
    pub fn socket(&self) -> Option<&Socket> {
        self.socket
    }

    /// The arguments as JSON values with commas between, binary ones as placeholders.
    pub fn args_json(&self) -> &str {
        self.payload.args_json()
    }

    /// All arguments, decoded as a tuple or a `Vec`.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] when they are not of that type.
    pub fn args<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        self.payload.args()
    }

    /// The first argument, decoded; `null` where there is none.
    ///
    /// # Errors
    ///
    /// [`ArgsError`] when it is not of that type.
    pub fn arg<T: DeserializeOwned>(&self) -> Result<T, ArgsError> {
        self.payload.arg()
    }

    /// The binary values among the arguments.
    pub fn attachments(&self) -> &[Bytes] {
        self.payload.attachments()
    }
}

/// Whom an event is for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum To<'a> {
    One(&'a Socket),
    /// The sockets of a broadcast, on this node.
    Many(&'a [Socket]),
}

/// A closure that watches.
pub(crate) type Watcher = Arc<dyn Fn(&Outgoing<'_>) + Send + Sync>;

/// Arguments that have been written already, because somebody watches.
pub(crate) struct Written {
    json: String,
    attachments: Vec<Bytes>,
}

impl Written {
    pub(crate) fn new<A: Args>(args: A) -> Result<Self, EncodeError> {
        let mut json = Vec::new();
        let attachments = args.write(&mut json)?;
        // Every writer of ours writes UTF-8; what is replaced here would not be JSON anyway.
        let json = String::from_utf8(json)
            .unwrap_or_else(|wrong| String::from_utf8_lossy(wrong.as_bytes()).into_owned());
        Ok(Self { json, attachments })
    }

    /// What is sent in place of the arguments.
    pub(crate) fn args(&self) -> RawArgs<'_> {
        RawArgs { json: &self.json, attachments: &self.attachments }
    }

    /// Calls whoever watches. Call it without any lock.
    pub(crate) fn show(&self, namespace: &NamespaceInner, event: &str, recipients: To<'_>) {
        // What cannot be sent is not shown; the sending says why.
        if let Ok(payload) = Payload::of_event(event, self.args()) {
            show(namespace, event, payload, recipients);
        }
    }
}

impl NamespaceInner {
    /// Encodes an event of ours. If somebody watches, `show` is given it before.
    pub(crate) fn encode_event(
        &self,
        event: &str,
        id: Option<u64>,
        args: impl Args,
        show: impl FnOnce(&Written),
    ) -> Result<Encoded, EncodeError> {
        if !self.is_watched() {
            return self.encoding.event(self.name(), id, event, args);
        }
        let written = Written::new(args)?;
        show(&written);
        self.encoding.event(self.name(), id, event, written.args())
    }
}

/// Calls whoever watches, for an event that was encoded by another server of the cluster.
pub(crate) fn show_packet(namespace: &NamespaceInner, packet: &Prepared, sockets: &[Socket]) {
    let mut decoding = Decoding::new(&namespace.encoding);
    let text = str::from_utf8(packet.text()).ok().and_then(|it| it.strip_prefix('4'));
    let text = text.map(sio::Input::Text);
    let messages =
        text.into_iter().chain(packet.attachments().iter().map(|it| sio::Input::Binary(it)));
    for message in messages {
        match decoding.receive(message, &ours()) {
            Ok(None) => (),
            Ok(Some(sio::Packet { body: sio::Body::Event { payload, .. }, .. })) => {
                let event = payload.event_name().into_owned();
                return show(namespace, &event, payload, To::Many(sockets));
            }
            Ok(Some(_)) => return,
            Err(fault) => return debug!(?fault, "an event of another server cannot be shown"),
        }
    }
}

/// The limits of what we have made ourselves.
fn ours() -> sio::Limits {
    let (attachments_max, event_bytes_max) = (usize::MAX, usize::MAX);
    sio::Limits { attachments_max, event_bytes_max, ..sio::Limits::default() }
}

/// Calls whoever watches. Call it without any lock.
pub(crate) fn show(
    namespace: &NamespaceInner,
    event: &str,
    payload: Payload<'_>,
    recipients: To<'_>,
) {
    let (single, sockets) = match recipients {
        To::One(socket) => (Some(socket), std::slice::from_ref(socket)),
        To::Many(sockets) => (None, sockets),
    };
    let mut outgoing = Outgoing { event, payload, socket: single };
    for list in namespace.watchers().into_iter().flatten() {
        list.iter().for_each(|it| (it.call)(&outgoing));
    }
    for socket in sockets {
        outgoing.socket = Some(socket);
        for watcher in socket.watchers().iter().flat_map(|it| it.iter()) {
            (watcher.call)(&outgoing);
        }
    }
}

impl fmt::Debug for Written {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Written").field("json", &self.json).finish_non_exhaustive()
    }
}
