//! Binary values: how bytes leave the JSON of an event, and how they come back.
//!
//! serde has no way to hand a list of attachments through a `Serialize` or `Deserialize` call, so
//! the list lies in a thread-local while one runs. [`encode`](crate::encode) and
//! [`Payload`](crate::Payload) put it there; a guard puts the previous one back, also when the call
//! panics or nests.

use std::cell::RefCell;
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
        let num = COLLECTED.with_borrow_mut(|list| {
            let list = list.as_mut()?;
            list.push(self.0.clone());
            Some(list.len() - 1)
        });
        let num = num.ok_or_else(|| ser::Error::custom("binary value outside of an event"))?;
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
pub(crate) fn collect<E>(write: impl FnOnce() -> Result<(), E>) -> Result<Vec<Bytes>, E> {
    let _guard = Restore { list: &COLLECTED, previous: COLLECTED.replace(Some(Vec::new())) };
    write()?;
    Ok(COLLECTED.take().unwrap_or_default())
}

/// Runs `read` while placeholders stand for `attachments`.
pub(crate) fn provide<T>(attachments: &[Bytes], read: impl FnOnce() -> T) -> T {
    let attachments = attachments.to_vec();
    let _guard = Restore { list: &PROVIDED, previous: PROVIDED.replace(Some(attachments)) };
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

/// Puts the list of an outer call back, whichever way the inner one ends.
struct Restore {
    list: &'static List,
    previous: Option<Vec<Bytes>>,
}

impl Drop for Restore {
    fn drop(&mut self) {
        self.list.set(self.previous.take());
    }
}

/// The attachments of the call that runs on this thread, if one does.
type List = std::thread::LocalKey<RefCell<Option<Vec<Bytes>>>>;

thread_local! {
    static COLLECTED: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
    static PROVIDED: RefCell<Option<Vec<Bytes>>> = const { RefCell::new(None) };
}
