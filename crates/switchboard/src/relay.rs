//! Relaying: arguments that go out as they came in.

use bytes::Bytes;
use switchboard_sio::{Args, EncodeError, Payload, RawArgs};

use crate::extract::{Context, FromContext, Rejection};

/// Extractor: all arguments of an event, unread, to be sent on.
///
/// They are not parsed into values and not written anew, so that duplicate keys, large numbers and
/// lone surrogates reach the others as they were sent; binary values come along. Costs one copy of
/// the text. With msgpack the values are the same, the bytes need not be.
///
/// ```
/// use switchboard::{Raw, Server, Socket};
///
/// let io = Server::builder().build();
/// io.of("/").on("message", async |socket: Socket, raw: Raw| {
///     socket.to("lobby").emit("message", raw).ok();
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Raw(pub Payload<'static>);

impl Raw {
    /// The same arguments for one of several emits.
    pub fn args(&self) -> RawArgs<'_> {
        RawArgs::from(&self.0)
    }
}

impl FromContext for Raw {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let payload = context.payload().ok_or(Rejection::Absent("the data of an event"))?;
        Ok(Self(payload.clone().into_owned()))
    }
}

impl Args for Raw {
    fn write(self, output: &mut Vec<u8>) -> Result<Vec<Bytes>, EncodeError> {
        self.args().write(output)
    }
}
