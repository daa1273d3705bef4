//! One argument, to JSON and from it: serde_json's work, with a short way for text.
//!
//! Text is what events carry most. serde_json looks at each of its bytes by a table; here eight of
//! them are looked at together, and text that came without escapes is not looked at again at all.

use serde::de::{self, DeserializeOwned, Visitor};
use serde::ser::{self, Serialize};
use serde_json::ser::CompactFormatter;

use crate::json;

/// Appends `value` as JSON.
#[inline]
pub(crate) fn write<T: Serialize + ?Sized>(
    value: &T,
    output: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    value.serialize(ValueWriter(&mut Place { output: Some(output), json: None }))
}

/// One JSON value as text that was scanned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Value<'a> {
    /// Without whitespace around it.
    pub(crate) text: &'a str,
    /// Whether escapes stand in it.
    pub(crate) is_escaped: bool,
}

impl Value<'_> {
    pub(crate) const NULL: Self = Value { text: "null", is_escaped: false };

    #[inline]
    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        T::deserialize(self)
    }
}

impl<'a> Value<'a> {
    /// What a string says, if it stands there as it is.
    #[inline]
    fn plain_text(self) -> Option<&'a str> {
        let is_plain = !self.is_escaped && self.text.starts_with('"');
        is_plain.then(|| json::unquoted(self.text))
    }
}

macro_rules! forward {
    ($($method:ident($($name:ident: $type:ty),*);)+) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Read<V::Value> {
            serde_json::Deserializer::from_str(self.text).$method($($name,)* visitor)
        }
    )+};
}

type Read<T> = Result<T, serde_json::Error>;

impl<'de> de::Deserializer<'de> for Value<'de> {
    type Error = serde_json::Error;

    #[inline]
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.plain_text() {
            Some(text) => visitor.visit_borrowed_str(text),
            None => serde_json::Deserializer::from_str(self.text).deserialize_str(visitor),
        }
    }

    #[inline]
    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_str(visitor)
    }

    forward! {
        deserialize_any(); deserialize_bool(); deserialize_i8(); deserialize_i16();
        deserialize_i32(); deserialize_i64(); deserialize_i128(); deserialize_u8();
        deserialize_u16(); deserialize_u32(); deserialize_u64(); deserialize_u128();
        deserialize_f32(); deserialize_f64(); deserialize_char(); deserialize_bytes();
        deserialize_byte_buf(); deserialize_option(); deserialize_unit(); deserialize_seq();
        deserialize_map(); deserialize_identifier(); deserialize_ignored_any();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(len: usize);
        deserialize_tuple_struct(name: &'static str, len: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
    }
}

/// Where a value goes: to the end of the output, or through a writer that has taken it.
struct Place<'o> {
    output: Option<&'o mut Vec<u8>>,
    json: Option<Json<'o>>,
}

type Json<'o> = serde_json::Serializer<&'o mut Vec<u8>>;
type Parts<'p, 'o> = serde_json::ser::Compound<'p, &'o mut Vec<u8>, CompactFormatter>;

/// Writes one value. Text goes straight to the output, and everything else to serde_json.
struct ValueWriter<'p, 'o>(&'p mut Place<'o>);

impl<'p, 'o> ValueWriter<'p, 'o> {
    fn json(self) -> Result<&'p mut Json<'o>, serde_json::Error> {
        // A writer writes one value, so that it is there.
        let output = self.0.output.take().ok_or_else(|| ser::Error::custom("written twice"))?;
        Ok(self.0.json.insert(serde_json::Serializer::new(output)))
    }
}

macro_rules! hand_on {
    ($($method:ident($($name:ident: $type:ty),*) -> $out:ty;)+) => {$(
        #[inline]
        fn $method(self, $($name: $type),*) -> Result<$out, serde_json::Error> {
            self.json()?.$method($($name),*)
        }
    )+};
}

impl<'p, 'o> ser::Serializer for ValueWriter<'p, 'o> {
    type Ok = ();
    type Error = serde_json::Error;
    type SerializeSeq = Parts<'p, 'o>;
    type SerializeTuple = Parts<'p, 'o>;
    type SerializeTupleStruct = Parts<'p, 'o>;
    type SerializeTupleVariant = Parts<'p, 'o>;
    type SerializeMap = Parts<'p, 'o>;
    type SerializeStruct = Parts<'p, 'o>;
    type SerializeStructVariant = Parts<'p, 'o>;

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), serde_json::Error> {
        if let Some(output) = &mut self.0.output {
            json::write_string(text, output);
        }
        Ok(())
    }

    hand_on! {
        serialize_bool(value: bool) -> ();
        serialize_i8(value: i8) -> ();
        serialize_i16(value: i16) -> ();
        serialize_i32(value: i32) -> ();
        serialize_i64(value: i64) -> ();
        serialize_i128(value: i128) -> ();
        serialize_u8(value: u8) -> ();
        serialize_u16(value: u16) -> ();
        serialize_u32(value: u32) -> ();
        serialize_u64(value: u64) -> ();
        serialize_u128(value: u128) -> ();
        serialize_f32(value: f32) -> ();
        serialize_f64(value: f64) -> ();
        serialize_char(value: char) -> ();
        serialize_bytes(value: &[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(name: &'static str) -> ();
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str) -> ();
        serialize_seq(len: Option<usize>) -> Parts<'p, 'o>;
        serialize_tuple(len: usize) -> Parts<'p, 'o>;
        serialize_tuple_struct(name: &'static str, len: usize) -> Parts<'p, 'o>;
        serialize_tuple_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> Parts<'p, 'o>;
        serialize_map(len: Option<usize>) -> Parts<'p, 'o>;
        serialize_struct(name: &'static str, len: usize) -> Parts<'p, 'o>;
        serialize_struct_variant(
            name: &'static str, index: u32, variant: &'static str, len: usize
        ) -> Parts<'p, 'o>;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), serde_json::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.json()?.serialize_newtype_variant(name, index, variant, value)
    }

    fn collect_str<T: std::fmt::Display + ?Sized>(
        self,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.json()?.collect_str(value)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fmt::Debug;

    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Name(String);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Nothing;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Pair(u8, String);

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Fields {
        name: String,
        rest: Option<Vec<f64>>,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Choice {
        Unit,
        Newtype(String),
        Tuple(i8, bool),
        Struct { at: u64 },
    }

    /// What is written is what serde_json writes, and is read back.
    fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
        let mut written = b"before ".to_vec();
        write(value, &mut written).unwrap();
        let text = serde_json::to_string(value).unwrap();
        assert_eq!(written, [b"before ", text.as_bytes()].concat());
        for is_escaped in [text.contains('\\'), true] {
            let read: T = Value { text: &text, is_escaped }.read().unwrap();
            assert_eq!(&read, value);
        }
    }

    #[test]
    fn values_are_written_and_read_as_by_serde_json() {
        for text in ["", "x", "hello", "quo\"te", "back\\slash", "\u{0}\u{1f}\n\t", "\u{7f}äöü€😀"]
        {
            for times in [1, 2, 3, 9] {
                let text = text.repeat(times);
                check(&text);
                check(&Some(text.clone()));
                check(&Name(text.clone()));
                check(&Choice::Newtype(text.clone()));
                check(&Pair(7, text.clone()));
                check(&BTreeMap::from([(text.clone(), vec![text.clone()])]));
                check(&Fields { name: text, rest: None });
            }
        }
        check(&Fields { name: "x".to_owned(), rest: Some(vec![1.5, -0.0, 1e300]) });
        check(&(true, -1_i8, 2_i16, -3_i32, 4_i64, -5_i128, 'c', '"'));
        check(&(1_u8, 2_u16, 3_u32, u64::MAX, u128::from(u64::MAX), 1.25_f32));
        check(&((), Nothing, Choice::Unit, Choice::Tuple(1, true), Choice::Struct { at: 9 }));
        check(&[Some(1), None]);
        check(&serde_json::json!({ "a": [1, "b", null, { "c": 1.5 }], "\"": "\\" }));
        check(&'x');
        check(&None::<String>);
    }

    #[test]
    fn text_where_something_else_is_expected_is_an_error() {
        let text = Value { text: r#""12""#, is_escaped: false };
        assert!(text.read::<u32>().is_err());
        assert!(text.read::<Vec<u8>>().is_err());
        assert!(Value { text: "12", is_escaped: false }.read::<String>().is_err());
    }
}
