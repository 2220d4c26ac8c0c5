//! Whether JSON can hold a value, without writing it: `serde_json` refuses keys that are not text. It writes floats that are
//! not finite as `null`, which cannot be read back as a float, and does not read back what is nested too deep.

use std::fmt::{self, Display, Write};
use std::io;

use serde::Serialize;
use serde::ser::{
    Error, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

/// Finds what in a value JSON cannot hold, if anything. It writes nothing.
pub(super) fn fits_json<T: Serialize + ?Sized>(value: &T) -> Result<(), Unfit> {
    value.serialize(Look { depth: 0 })
}

/// How deep arrays and objects may be nested. `serde_json` reads nothing deeper, so that no record exhausts the stack.
pub(super) const DEPTH_MAX: usize = 127;

/// How many steps of a path an error shows.
const STEPS_SHOWN: usize = 8;

/// What does not fit, and where it is.
#[derive(Debug)]
pub(super) struct Unfit {
    why: String,
    /// Names and indexes, the innermost first.
    path: Vec<String>,
}

impl Unfit {
    fn within(mut self, step: impl Display) -> Self {
        self.path.push(step.to_string());
        self
    }
}

impl Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path: Vec<&str> = self.path.iter().rev().take(STEPS_SHOWN).map(String::as_str).collect();
        match path.len() {
            0 => write!(f, "it {}", self.why),
            STEPS_SHOWN.. if self.path.len() > STEPS_SHOWN => write!(f, "{}... {}", path.join("."), self.why),
            _ => write!(f, "{} {}", path.join("."), self.why),
        }
    }
}

impl std::error::Error for Unfit {}

impl Error for Unfit {
    fn custom<T: Display>(why: T) -> Self {
        Unfit { why: format!("is refused: {why}"), path: Vec::new() }
    }
}

type Walk = Result<(), Unfit>;

/// Why a value that is nested too deep is refused.
pub(super) fn too_deep() -> String {
    format!("is nested deeper than {DEPTH_MAX} arrays and objects, and could not be read back")
}

/// A serializer that only checks each part of a value.
struct Look {
    /// Arrays and objects around it.
    depth: usize,
}

impl Look {
    /// Enters `more` arrays and objects.
    fn within(self, more: usize) -> Result<Elements, Unfit> {
        match self.depth + more {
            depth if depth > DEPTH_MAX => Err(Unfit { why: too_deep(), path: Vec::new() }),
            depth => Ok(Elements { index: 0, depth }),
        }
    }
}

/// Discards text.
struct Nowhere;

impl Write for Nowhere {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}

/// Checks the elements of a compound value and counts them.
struct Elements {
    index: usize,
    /// Arrays and objects around an element.
    depth: usize,
}

macro_rules! nothing {
    ($($method:ident($type:ty))*) => {
        $(fn $method(self, _: $type) -> Walk {
            Ok(())
        })*
    };
}

impl Serializer for Look {
    type Ok = ();
    type Error = Unfit;
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
        if value.is_finite() {
            Ok(())
        } else {
            Err(Unfit { why: format!("is {value}, and JSON has neither NaN nor infinity"), path: Vec::new() })
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
        self.within(1)?.at(variant, value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements, Unfit> {
        self.within(1)
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements, Unfit> {
        self.within(1)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Elements, Unfit> {
        self.within(1)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Elements, Unfit> {
        self.within(2)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Elements, Unfit> {
        self.within(1)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Elements, Unfit> {
        self.within(1)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Elements, Unfit> {
        self.within(2)
    }

    fn collect_str<T: Display + ?Sized>(self, text: &T) -> Walk {
        write!(Nowhere, "{text}").map_err(Unfit::custom)
    }
}

impl Elements {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Walk {
        self.index += 1;
        self.at(self.index - 1, value)
    }

    fn at<T: Serialize + ?Sized>(&self, step: impl Display, value: &T) -> Walk {
        value.serialize(Look { depth: self.depth }).map_err(|unfit| unfit.within(step))
    }
}

macro_rules! elements {
    ($($compound:ident::$method:ident)*) => {
        $(impl $compound for Elements {
            type Ok = ();
            type Error = Unfit;

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
            type Error = Unfit;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Walk {
                self.at(name, value)
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
    type Error = Unfit;

    // By the writer's own rules: text, numbers, and what is written like them.
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Walk {
        let mut writer = serde_json::Serializer::new(io::sink());
        let map = writer.serialize_map(None);
        let written = map.and_then(|mut map| map.serialize_key(key));
        written
            .map_err(|error| Unfit { why: format!("has a key that does not fit: {error}"), path: Vec::new() })
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

    fn unfit<T: Serialize>(value: &T) -> Option<String> {
        fits_json(value).err().map(|unfit| unfit.to_string())
    }

    #[test]
    fn names_the_first_float_that_json_cannot_hold() {
        let all = |means: &[f64], shapes: Vec<Shape>| {
            let shapes = (0..).zip(shapes).collect();
            let all = All { name: "a", means: means.to_vec(), shapes, hidden: f64::NAN };
            assert!(all.hidden.is_nan());
            unfit(&all)
        };
        let is = |what: &str| Some(format!("{what}, and JSON has neither NaN nor infinity"));
        assert_eq!(all(&[1.0, f64::MAX], vec![Shape::Point, Shape::Pair(0.0, -1.0), Shape::Of(None)]), None);
        assert_eq!(all(&[1.0, f64::NAN], vec![]), is("means.1 is NaN"));
        let circle = Shape::Of(Some(Box::new(Shape::Circle { radius: f64::INFINITY })));
        assert_eq!(all(&[], vec![Shape::Point, circle]), is("shapes.1.Of.radius is inf"));
        assert_eq!(all(&[], vec![Shape::Pair(0.0, f32::NEG_INFINITY)]), is("shapes.0.1 is -inf"));
        assert_eq!(unfit(&f64::NAN), is("it is NaN"));
    }

    /// In each of the ways in which a value can be nested, the deepest that fits is read back, and the next is not.
    #[test]
    fn refuses_what_is_too_deep_to_be_read_back() {
        #[derive(Serialize, serde::Deserialize)]
        enum Nest {
            End,
            One(Box<Nest>),
            Two(Box<Nest>, i32),
            Named { inner: Box<Nest> },
            Many(Vec<Nest>),
            Keyed(BTreeMap<i32, Nest>),
            Maybe(Option<Box<Nest>>),
        }
        type Wrap = fn(Nest) -> Nest;
        let wraps: [(Wrap, usize); 6] = [
            (|inner| Nest::One(Box::new(inner)), 1),
            (|inner| Nest::Two(Box::new(inner), 1), 2),
            (|inner| Nest::Named { inner: Box::new(inner) }, 2),
            (|inner| Nest::Many(vec![inner]), 2),
            (|inner| Nest::Keyed(BTreeMap::from([(1, inner)])), 2),
            (|inner| Nest::Maybe(Some(Box::new(inner))), 1),
        ];
        for (wrap, depth) in wraps {
            let nested = |times: usize| (0..times).fold(Nest::End, |inner, _| wrap(inner));
            let deepest = nested(DEPTH_MAX / depth);
            assert_eq!(unfit(&deepest), None);
            let written = serde_json::to_vec(&deepest).unwrap();
            assert!(serde_json::from_slice::<Nest>(&written).is_ok());
            let deeper = nested(DEPTH_MAX / depth + 1);
            assert!(serde_json::from_slice::<Nest>(&serde_json::to_vec(&deeper).unwrap()).is_err());
            assert!(unfit(&deeper).unwrap().contains("... is nested deeper than 127"));
        }
    }

    /// The check refuses what the writer refuses, and nothing else.
    #[test]
    fn refuses_what_the_writer_refuses() {
        struct Never;
        impl Serialize for Never {
            fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
                Err(S::Error::custom("not today"))
            }
        }
        struct Undisplayable;
        impl Display for Undisplayable {
            fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
                Err(fmt::Error)
            }
        }
        impl Serialize for Undisplayable {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        fn same<T: Serialize>(value: T, wanted: Option<&str>) {
            let written =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serde_json::to_vec(&value)));
            assert_eq!(written.is_ok_and(|written| written.is_ok()), wanted.is_none());
            assert_eq!(unfit(&value).as_deref(), wanted);
        }
        let refused = "has a key that does not fit: key must be a string";
        same(BTreeMap::from([((1, 2), 3)]), Some(&format!("it {refused}")));
        same(vec![BTreeMap::from([(vec![1], 3)])], Some(&format!("0 {refused}")));
        same(BTreeMap::from([(None::<i32>, 3)]), Some(&format!("it {refused}")));
        same(BTreeMap::from([((), 3)]), Some(&format!("it {refused}")));
        same(BTreeMap::from([(7_i64, 3)]), None);
        same(BTreeMap::from([(true, 3)]), None);
        same(BTreeMap::from([('x', 3)]), None);
        same(BTreeMap::from([(Some("a"), 3)]), None);
        same((1, Never), Some("1 is refused: not today"));
        same([Some(Undisplayable)], Some("0 is refused: an error occurred when formatting an argument"));
    }
}
