//! The methods of a [`Broadcast`] on a namespace, for all of its sockets, and on a server, for
//! those of its default namespace.

use std::time::Duration;

use serde::de::DeserializeOwned;
use switchboard_sio::{Args, EncodeError};

use super::Broadcast;
use super::acks::BroadcastAck;
use super::remote::RemoteSocket;
use crate::error::ClusterError;
use crate::rooms::events::RoomEvent;
use crate::rooms::names::IntoRooms;
use crate::{Namespace, Server, Socket};

macro_rules! shortcuts {
    ($owner:ty) => {
        impl $owner {
            /// Sends an event to every socket of the namespace.
            ///
            /// # Errors
            ///
            /// [`EncodeError`] when the arguments cannot be written as JSON.
            pub fn emit<A: Args>(&self, event: &str, args: A) -> Result<(), EncodeError> {
                self.broadcast().emit(event, args)
            }

            /// Sends the event `message` to every socket of the namespace.
            ///
            /// # Errors
            ///
            /// As for [`emit`](Self::emit).
            pub fn send<A: Args>(&self, args: A) -> Result<(), EncodeError> {
                self.broadcast().send(args)
            }

            /// Sends an event to every socket of the namespace, and waits for their
            /// acknowledgements; see [`Broadcast::emit_with_ack`].
            pub fn emit_with_ack<T: DeserializeOwned>(
                &self,
                event: &str,
                args: impl Args,
            ) -> BroadcastAck<T> {
                self.broadcast().emit_with_ack(event, args)
            }

            /// A broadcast to the members of the room, or of several.
            pub fn to(&self, rooms: impl IntoRooms) -> Broadcast {
                self.broadcast().to(rooms)
            }

            /// The same as [`to`](Self::to), under its other official name.
            pub fn in_(&self, rooms: impl IntoRooms) -> Broadcast {
                self.to(rooms)
            }

            /// The same as [`to`](Self::to), which some find easier to read.
            pub fn within(&self, rooms: impl IntoRooms) -> Broadcast {
                self.to(rooms)
            }

            /// A broadcast to everybody but the members of the room, or of several.
            pub fn except(&self, rooms: impl IntoRooms) -> Broadcast {
                self.broadcast().except(rooms)
            }

            /// A broadcast that may be lost; see [`Broadcast::volatile`].
            pub fn volatile(&self) -> Broadcast {
                self.broadcast().volatile()
            }

            /// A broadcast that is compressed or not; see [`Broadcast::compress`].
            pub fn compress(&self, compress: bool) -> Broadcast {
                self.broadcast().compress(compress)
            }

            /// A broadcast to the sockets of this server alone; see [`Broadcast::local`].
            pub fn local(&self) -> Broadcast {
                self.broadcast().local()
            }

            /// A broadcast that waits so long for acks; see [`Broadcast::timeout`].
            pub fn timeout(&self, timeout: Duration) -> Broadcast {
                self.broadcast().timeout(timeout)
            }

            /// The sockets of the namespace on every server; see [`Broadcast::fetch_sockets`].
            ///
            /// # Errors
            ///
            /// [`ClusterError`] when a server of the cluster does not answer.
            pub async fn fetch_sockets(&self) -> Result<Vec<RemoteSocket>, ClusterError> {
                self.broadcast().fetch_sockets().await
            }

            /// Puts every socket into a room, or several; see [`Broadcast::sockets_join`].
            pub fn sockets_join(&self, rooms: impl IntoRooms) {
                self.broadcast().sockets_join(rooms);
            }

            /// Takes every socket out of a room, or several.
            pub fn sockets_leave(&self, rooms: impl IntoRooms) {
                self.broadcast().sockets_leave(rooms);
            }

            /// Disconnects every socket; see [`Broadcast::disconnect_sockets`].
            pub fn disconnect_sockets(&self, close: bool) {
                self.broadcast().disconnect_sockets(close);
            }
        }
    };
}

shortcuts!(Namespace);
shortcuts!(Server);

/// What is about sockets and rooms and not a broadcast, for the default namespace.
impl Server {
    /// See [`Namespace::socket`].
    pub fn socket(&self, id: impl AsRef<str>) -> Option<Socket> {
        self.of("/").socket(id)
    }

    /// See [`Namespace::sockets_count`].
    pub fn sockets_count(&self) -> usize {
        self.of("/").sockets_count()
    }

    /// See [`Namespace::rooms_count`].
    pub fn rooms_count(&self) -> usize {
        self.of("/").rooms_count()
    }

    /// See [`Namespace::on_room_event`].
    pub fn on_room_event(&self, listener: impl Fn(&RoomEvent) + Send + Sync + 'static) {
        self.of("/").on_room_event(listener);
    }
}
