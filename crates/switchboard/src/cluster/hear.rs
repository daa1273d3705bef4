//! What a server does with the messages of others.

use std::sync::Arc;

use switchboard_sio::RawArgs;
use tracing::{debug, error};

use super::Node;
use super::message::{Body, Heard, Message, Question};
use super::server_side::ServerSide;
use crate::Id;
use crate::broadcast::acks::Gathering;
use crate::broadcast::target::Target;
use crate::engine::Engine;
use crate::namespace::NamespaceInner;
use crate::outgoing::{self, To};
use crate::prepared::Prepared;
use crate::socket::Socket;

impl Engine {
    /// Another server has said something to all.
    pub(crate) fn hear(&self, from: Id, message: &Message<'_>) {
        let Some(node) = &self.node else { return };
        let Some(namespace) = self.namespace(message.namespace) else {
            match message.body {
                Body::Ask { request, .. } => {
                    node.answer(from, request, Heard::Asked(node.id(), Vec::new()));
                }
                Body::Fetch { request, .. } => {
                    node.answer(from, request, Heard::Sockets(node.id(), Vec::new()));
                }
                _ => (),
            }
            return;
        };
        match &message.body {
            Body::Broadcast { target, packet } => {
                if namespace.is_watched() {
                    outgoing::show_packet(&namespace, packet, &target.sockets(&namespace));
                }
                namespace.deliver(target, packet);
            }
            Body::Ask { target, question, request } => {
                let asker = Asker { node: Arc::clone(node), server: from, request: *request };
                self.ask_for(asker, &namespace, target, *question);
            }
            Body::Join { target, rooms } => namespace.sockets_join(target, rooms),
            Body::Leave { target, rooms } => namespace.sockets_leave(target, rooms),
            Body::Disconnect { target, close } => namespace.disconnect_sockets(target, *close),
            Body::Fetch { target, request } => {
                let sockets = target.sockets(&namespace);
                let snapshots = sockets.iter().map(Socket::snapshot).collect();
                node.answer(from, *request, Heard::Sockets(node.id(), snapshots));
            }
            Body::ServerSide { event, request } => {
                for handler in namespace.server_side().find(&event.event_name()) {
                    let asker = Asker { node: Arc::clone(node), server: from, request: 0 };
                    let asker = request.map(|request| Asker { request, ..asker });
                    let call = ServerSide::new((*event).clone(), from, asker);
                    handler.run(call, self.runtime());
                }
            }
        }
    }

    /// Asks our sockets on behalf of another server, and hands their answers on.
    fn ask_for(
        &self,
        asker: Asker,
        namespace: &Arc<NamespaceInner>,
        target: &Target,
        question: Question<'_>,
    ) {
        let Question { event, flags, timeout } = question;
        let ack = namespace.next_ack();
        let (json, attachments) = (event.args_json(), event.attachments());
        let args = RawArgs { json, attachments };
        let name = event.event_name();
        if namespace.is_watched() {
            let sockets = target.sockets(namespace);
            outgoing::show(namespace, &name, event.clone(), To::Many(&sockets));
        }
        let packet = namespace.encoding.event(namespace.name(), Some(ack), &name, args);
        let packet = match packet {
            Ok(packet) => Prepared::new(packet, flags),
            Err(error) => {
                error!(%error, "an event of another server could not be encoded");
                return asker.answer(Heard::Asked(asker.node.id(), Vec::new()));
            }
        };
        let (mut gathering, _answers) = Gathering::ask(namespace, target, ack, &packet, timeout);
        let sockets: Vec<_> = gathering.sockets().collect();
        let is_any = !sockets.is_empty();
        asker.answer(Heard::Asked(asker.node.id(), sockets));
        if !is_any {
            return;
        }
        let Some(runtime) = self.runtime() else {
            // A server with sockets has a runtime; this one has lost them meanwhile.
            debug!("no runtime to wait for acks in");
            return;
        };
        // Ends with the last answer, or at the timeout at the latest.
        runtime.spawn(async move {
            while let Some((id, answer)) = gathering.next().await {
                asker.answer(Heard::Acked(id, answer));
            }
        });
    }
}

/// A question of another server.
#[derive(Clone, Debug)]
pub(crate) struct Asker {
    node: Arc<Node>,
    server: Id,
    request: u64,
}

impl Asker {
    pub(crate) fn answer(&self, answer: Heard) {
        self.node.answer(self.server, self.request, answer);
    }

    /// The server that answers.
    pub(crate) fn own_id(&self) -> Id {
        self.node.id()
    }
}
