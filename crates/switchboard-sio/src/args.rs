//! Arguments to send: what may stand behind the name of an event, or in an ack.

use bytes::Bytes;
use serde::Serialize;

use crate::{EncodeError, Payload, binary, value};

/// The arguments of an event or ack.
///
/// | write | for |
/// |---|---|
/// | `()` | no argument |
/// | `&value` | one argument |
/// | `(a, b)`, up to 8 by value | several |
/// | [`RawArgs`] | what another peer sent, unchanged |
///
/// So `&(a, b)` is one argument, an array, and `(a, b)` are two.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the arguments of an event",
    label = "not arguments",
    note = "one argument: `&value`; several: a tuple `(a, b)`; none: `()`",
    note = "each must implement `serde::Serialize`"
)]
pub trait Args {
    /// Appends the arguments to `output` as JSON values with commas between, and returns the
    /// attachments that their placeholders stand for, in order.
    ///
    /// # Errors
    ///
    /// [`EncodeError::Json`] when a value cannot be serialised. `output` may then hold a part.
    fn write(self, output: &mut Vec<u8>) -> Result<Vec<Bytes>, EncodeError>;
}

impl<T: Serialize + ?Sized> Args for &T {
    fn write(self, output: &mut Vec<u8>) -> Result<Vec<Bytes>, EncodeError> {
        binary::collect(|| write_value(self, output))
    }
}

impl Args for () {
    fn write(self, _output: &mut Vec<u8>) -> Result<Vec<Bytes>, EncodeError> {
        Ok(Vec::new())
    }
}

/// Arguments that are JSON already, such as those of a [`Payload`] that is relayed.
///
/// ```
/// use switchboard_sio::{RawArgs, encode};
///
/// let mut output = Vec::new();
/// let args = RawArgs { json: r#"1,{"a":2}"#, attachments: &[] };
/// encode::event("/", None, "numbers", args, &mut output)?;
/// assert_eq!(output, br#"2["numbers",1,{"a":2}]"#);
/// # Ok::<(), switchboard_sio::EncodeError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct RawArgs<'a> {
    /// JSON values with commas between, or nothing; must be valid, which is not checked again.
    pub json: &'a str,
    /// One for each placeholder in `json`.
    pub attachments: &'a [Bytes],
}

impl<'a> From<&'a Payload<'_>> for RawArgs<'a> {
    fn from(payload: &'a Payload<'_>) -> Self {
        Self { json: payload.args_json(), attachments: payload.attachments() }
    }
}

impl Args for RawArgs<'_> {
    fn write(self, output: &mut Vec<u8>) -> Result<Vec<Bytes>, EncodeError> {
        output.extend_from_slice(self.json.as_bytes());
        Ok(self.attachments.to_vec())
    }
}

macro_rules! tuples {
    ($(($first:ident $($rest:ident)*))+) => {$(
        impl<$first: Serialize, $($rest: Serialize),*> Args for ($first, $($rest,)*) {
            fn write(self, output: &mut Vec<u8>) -> Result<Vec<Bytes>, EncodeError> {
                #[allow(non_snake_case, reason = "each value is named after its type")]
                let ($first, $($rest,)*) = self;
                binary::collect(|| {
                    write_value(&$first, output)?;
                    $(
                        output.push(b',');
                        write_value(&$rest, output)?;
                    )*
                    Ok(())
                })
            }
        }
    )+};
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

fn write_value<T: Serialize + ?Sized>(value: &T, output: &mut Vec<u8>) -> Result<(), EncodeError> {
    value::write(value, output).map_err(EncodeError::Json)
}
