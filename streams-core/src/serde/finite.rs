//! Whether a value has floats that JSON cannot hold: `serde_json` writes them as `null`, which no float reads back.

use std::fmt::Display;

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// The first float of a value that is not finite, if there is one. Nothing is written or allocated.
pub(super) fn non_finite<T: Serialize + ?Sized>(value: &T) -> Option<NonFinite> {
    match value.serialize(Finite) {
        Err(Found(Some(found))) => Some(found),
        // What else the value refuses is told when it is written.
        _ => None,
    }
}

/// Where the float is.
#[derive(Debug)]
pub(super) struct NonFinite {
    value: f64,
    /// Names and indexes, the innermost first.
    path: Vec<String>,
}

impl Display for NonFinite {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path: Vec<&str> = self.path.iter().rev().map(String::as_str).collect();
        match path.is_empty() {
            true => write!(f, "it is {}", self.value),
            false => write!(f, "{} is {}", path.join("."), self.value),
        }
    }
}

/// Ends the walk.
#[derive(Debug)]
struct Found(Option<NonFinite>);

impl Found {
    fn within(mut self, step: impl Display) -> Self {
        if let Some(found) = &mut self.0 {
            found.path.push(step.to_string());
        }
        self
    }
}

impl Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a float that is not finite")
    }
}

impl std::error::Error for Found {}

impl Error for Found {
    fn custom<T: Display>(_: T) -> Self {
        Found(None)
    }
}

type Walk = Result<(), Found>;

/// Looks at each float of a value.
struct Finite;

/// Looks at the elements of something compound, and counts them.
struct Elements(usize);

macro_rules! nothing {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, _: $type) -> Walk {
            Ok(())
        })*
    };
}

impl Serializer for Finite {
    type Ok = ();
    type Error = Found;
    type SerializeSeq = Elements;
    type SerializeTuple = Elements;
    type SerializeTupleStruct = Elements;
    type SerializeTupleVariant = Elements;
    type SerializeMap = Elements;
    type SerializeStruct = Elements;
    type SerializeStructVariant = Elements;

    nothing! {
        serialize_bool(bool) serialize_i8(i8) serialize_i16(i16) serialize_i32(i32) serialize_i64(i64)
        serialize_i128(i128) serialize_u8(u8) serialize_u16(u16) serialize_u32(u32) serialize_u64(u64)
        serialize_u128(u128) serialize_char(char) serialize_str(&str) serialize_bytes(&[u8])
        serialize_unit_struct(&'static str)
    }

    fn serialize_f32(self, value: f32) -> Walk {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Walk {
        match value.is_finite() {
            true => Ok(()),
            false => Err(Found(Some(NonFinite { value, path: Vec::new() }))),
        }
    }

    fn serialize_none(self) -> Walk {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Walk {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Walk {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Walk {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Walk {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Walk {
        value.serialize(self).map_err(|found| found.within(variant))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, Found> {
        Ok(Elements(0))
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements, Found> {
        Ok(Elements(0))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, Found> {
        Ok(Elements(0))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Elements, Found> {
        Ok(Elements(0))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements, Found> {
        Ok(Elements(0))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Elements, Found> {
        Ok(Elements(0))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Elements, Found> {
        Ok(Elements(0))
    }

    fn collect_str<T: Display + ?Sized>(self, _: &T) -> Walk {
        Ok(())
    }
}

impl Elements {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Walk {
        let index = self.0;
        self.0 += 1;
        value.serialize(Finite).map_err(|found| found.within(index))
    }
}

macro_rules! elements {
    ($($compound:ident::$method:ident)*) => {
        $(impl $compound for Elements {
            type Ok = ();
            type Error = Found;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Walk {
                self.element(value)
            }

            fn end(self) -> Walk {
                Ok(())
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element
    SerializeTuple::serialize_element
    SerializeTupleStruct::serialize_field
    SerializeTupleVariant::serialize_field
}

macro_rules! fields {
    ($($compound:ident)*) => {
        $(impl $compound for Elements {
            type Ok = ();
            type Error = Found;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Walk {
                value.serialize(Finite).map_err(|found| found.within(name))
            }

            fn end(self) -> Walk {
                Ok(())
            }
        })*
    };
}

fields! { SerializeStruct SerializeStructVariant }

impl SerializeMap for Elements {
    type Ok = ();
    type Error = Found;

    // A key that JSON cannot hold is refused by the writer.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, _: &T) -> Walk {
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Walk {
        self.element(value)
    }

    fn end(self) -> Walk {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Point,
        Circle { radius: f64 },
        Pair(f32, f32),
        Of(Option<Box<Shape>>),
    }

    #[derive(Serialize)]
    struct All {
        name: &'static str,
        means: Vec<f64>,
        shapes: BTreeMap<i32, Shape>,
        #[serde(skip)]
        hidden: f64,
    }

    #[test]
    fn names_the_first_float_that_json_cannot_hold() {
        let all = |means: &[f64], shapes: Vec<Shape>| {
            let shapes = (0..).zip(shapes).collect();
            let all = All { name: "a", means: means.to_vec(), shapes, hidden: f64::NAN };
            assert!(all.hidden.is_nan());
            non_finite(&all).map(|found| found.to_string())
        };
        assert_eq!(all(&[1.0, f64::MAX], vec![Shape::Point, Shape::Pair(0.0, -1.0), Shape::Of(None)]), None);
        assert_eq!(all(&[1.0, f64::NAN], vec![]), Some("means.1 is NaN".to_owned()));
        let circle = Shape::Of(Some(Box::new(Shape::Circle { radius: f64::INFINITY })));
        assert_eq!(all(&[], vec![Shape::Point, circle]), Some("shapes.1.Of.radius is inf".to_owned()));
        let pair = Shape::Pair(0.0, f32::NEG_INFINITY);
        assert_eq!(all(&[], vec![pair]), Some("shapes.0.1 is -inf".to_owned()));
        assert_eq!(non_finite(&f64::NAN).map(|found| found.to_string()), Some("it is NaN".to_owned()));
    }
}
