//! Binary values: how bytes leave the JSON of an event, and how they come back.
//!
//! serde has no way to hand a list of attachments through a `Serialize` or `Deserialize` call, so
//! the list lies in a thread-local while one runs. [`encode`](crate::encode) and
//! [`Payload`](crate::Payload) put it there; a guard puts the previous one back, also when the call
//! panics or nests.

use std::cell::{Cell, RefCell};
use std::fmt;

use bytes::Bytes;
use serde::de::{self, Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde::ser::{self, Serialize, SerializeStruct, Serializer};

/// Bytes inside the arguments of an event or ack, at any place.
///
/// They travel as an attachment of their own and become a `Buffer` or `ArrayBuffer` in JavaScript.
/// Serialising or deserialising one anywhere else (`serde_json::to_string`, say) is an error.
///
/// ```
/// use switchboard_sio::{Binary, encode};
///
/// let mut output = Vec::new();
/// let attachments = encode::event("/", None, "file", (1, Binary::from(vec![7])), &mut output)?;
/// assert_eq!(output, br#"51-["file",1,{"_placeholder":true,"num":0}]"#);
/// assert_eq!(attachments, [&[7][..]]);
/// # Ok::<(), switchboard_sio::EncodeError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Binary(pub Bytes);

impl From<Bytes> for Binary {
    fn from(bytes: Bytes) -> Self {
        Self(bytes)
    }
}

impl From<Vec<u8>> for Binary {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }
}

impl AsRef<[u8]> for Binary {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Serialize for Binary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Collecting { is_on: true, first, end } = COLLECTING.get() else {
            return Err(ser::Error::custom("binary value outside of an event"));
        };
        COLLECTED.with_borrow_mut(|list| list.push(self.0.clone()));
        COLLECTING.set(Collecting { is_on: true, first, end: end + 1 });
        let num = end - first;
        let mut placeholder = serializer.serialize_struct("Binary", 2)?;
        placeholder.serialize_field("_placeholder", &true)?;
        placeholder.serialize_field("num", &num)?;
        placeholder.end()
    }
}

impl<'de> Deserialize<'de> for Binary {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("Binary", &["_placeholder", "num"], Placeholder)
    }
}

/// Runs `write` and returns the binary values that it serialised, in order.
///
/// Most arguments have none: then the list is not touched, only what stands beside it.
#[inline]
pub(crate) fn collect<E>(write: impl FnOnce() -> Result<(), E>) -> Result<Vec<Bytes>, E> {
    let outer = COLLECTING.get();
    let guard = EndCollecting { outer };
    COLLECTING.set(Collecting { is_on: true, first: outer.end, end: outer.end });
    write()?;
    let inner = COLLECTING.get();
    let collected = match inner {
        Collecting { first, end, .. } if first == end => Vec::new(),
        Collecting { first: 0, .. } => COLLECTED.take(),
        Collecting { first, .. } => COLLECTED.with_borrow_mut(|list| list.split_off(first)),
    };
    drop(guard);
    Ok(collected)
}

/// Runs `read` while placeholders stand for `attachments`.
#[inline]
pub(crate) fn provide<T>(attachments: &[Bytes], read: impl FnOnce() -> T) -> T {
    if attachments.is_empty() && !IS_PROVIDING.get() {
        return read();
    }
    let was_providing = IS_PROVIDING.replace(true);
    let previous = PROVIDED.replace(Some(attachments.to_vec()));
    let _guard = EndProviding { previous, was_providing };
    read()
}

/// Reads a placeholder and answers with its attachment.
struct Placeholder;

impl<'de> Visitor<'de> for Placeholder {
    type Value = Binary;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a binary value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Binary, A::Error> {
        let (mut is_placeholder, mut num) = (false, None);
        while let Some(key) = map.next_key::<String>()? {
            match &*key {
                "_placeholder" => is_placeholder = map.next_value()?,
                "num" => num = Some(map.next_value::<usize>()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let num = num.filter(|_| is_placeholder);
        let attachment = PROVIDED.with_borrow(|list| list.as_ref()?.get(num?).cloned());
        // In an event without attachments a placeholder is plain data, so it lands here too.
        attachment.map(Binary).ok_or_else(|| de::Error::custom("expected a binary value"))
    }
}

/// Goes on with the outer call, whichever way the inner one ends.
struct EndCollecting {
    outer: Collecting,
}

impl Drop for EndCollecting {
    fn drop(&mut self) {
        if COLLECTING.replace(self.outer).end != self.outer.end {
            COLLECTED.with_borrow_mut(|list| list.truncate(self.outer.end));
        }
    }
}

/// Puts the list of an outer call back, whichever way the inner one ends.
struct EndProviding {
    previous: Option<Vec<Bytes>>,
    was_providing: bool,
}

impl Drop for EndProviding {
    fn drop(&mut self) {
        PROVIDED.set(self.previous.take());
        IS_PROVIDING.set(self.was_providing);
    }
}

/// Which part of the list belongs to the call that runs on this thread, if one does.
#[derive(Clone, Copy)]
struct Collecting {
    is_on: bool,
    first: usize,
    end: usize,
}

thread_local! {
    static COLLECTING: Cell<Collecting> =
        const { Cell::new(Collecting { is_on: false, first: 0, end: 0 }) };
    /// Those of outer calls stand in front.
    static COLLECTED: RefCell<Vec<Bytes>> = const { RefCell::new(Vec::new()) };
    static IS_PROVIDING: Cell<bool> = const { Cell::new(false) };
    static PROVIDED: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
}
