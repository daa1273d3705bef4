//! Arguments as they came: what an echo sends back without looking inside.

use serde::{Deserialize, Serialize};
use switchboard::{Binary, Context, FromContext, Payload, RawArgs, Rejection};

/// An extractor for all arguments of an event, not decoded.
pub(crate) struct Raw(Payload<'static>);

impl Raw {
    /// The same arguments, to be sent.
    pub(crate) fn args(&self) -> RawArgs<'_> {
        RawArgs::from(&self.0)
    }
}

impl FromContext for Raw {
    fn from_context(context: &Context<'_>) -> Result<Self, Rejection> {
        let payload = context.payload().ok_or(Rejection::Absent("the data of an event"))?;
        Ok(Self(payload.clone().into_owned()))
    }
}

/// Any value that a client can send, with bytes in any place.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Any {
    Bytes(Binary),
    List(Vec<Self>),
    Object(std::collections::BTreeMap<String, Self>),
    Plain(serde_json::Value),
}

impl Any {
    /// Whether it is bytes, and nothing around them.
    pub(crate) fn is_bytes(&self) -> bool {
        matches!(self, Self::Bytes(_))
    }
}
