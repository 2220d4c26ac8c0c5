//! Any type that `serde` knows, as JSON.

use std::any::type_name;
use std::cell::Cell;
use std::fmt::Display;
use std::io;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use super::fits_json::{DEPTH_MAX, fits_json, too_deep};
use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;

/// A value that is JSON on topics and in stores: `builder.stream::<String, Json<Payment>>("payments")`.
///
/// ```
/// # use streams_core as kstreams;
/// use kstreams::serde::{DefaultSerde, Json};
///
/// let mut bytes = Vec::new();
/// Json::<(String, i64)>::default_serde().serialize("t", &Default::default(), &Json(("a".into(), 1)), &mut bytes)?;
/// assert_eq!(bytes, br#"["a",1]"#);
/// # Ok::<(), kstreams::serde::SerdeError>(())
/// ```
///
/// What cannot be read back is refused where it is written or put into a store: a float that is NaN or infinite, and arrays
/// and objects nested deeper than 127. JSON has no such floats, and the `null` that would be written cannot be read back as
/// a float; `serde_json` reads nothing deeper. `Json` dereferences to the value. As a key, equal values must
/// give equal text, which a `HashMap` inside does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Json<T>(pub T);

impl<T> Json<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Json<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> From<T> for Json<T> {
    fn from(value: T) -> Self {
        Json(value)
    }
}

/// JSON without white space, of [`Json<T>`] or of `T` itself.
pub struct JsonSerde<T>(PhantomData<fn() -> T>);

impl<T> JsonSerde<T> {
    /// The serde.
    pub const fn new() -> Self {
        JsonSerde(PhantomData)
    }
}

impl<T> Default for JsonSerde<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a writer has seen of a value.
#[derive(Default)]
struct Seen {
    nulls: Cell<bool>,
    depth: Cell<usize>,
}

/// Writes JSON without white space, notices nulls and refuses what is nested too deep.
struct Notice<'a>(&'a Seen);

impl Notice<'_> {
    fn nest(&self) -> io::Result<()> {
        self.0.depth.set(self.0.depth.get() + 1);
        if self.0.depth.get() > DEPTH_MAX { Err(io::Error::other(too_deep())) } else { Ok(()) }
    }

    fn leave(&self) {
        self.0.depth.set(self.0.depth.get() - 1);
    }
}

impl Formatter for Notice<'_> {
    #[inline]
    fn write_null<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.nulls.set(true);
        CompactFormatter.write_null(writer)
    }

    #[inline]
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.nest()?;
        CompactFormatter.begin_array(writer)
    }

    #[inline]
    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.leave();
        CompactFormatter.end_array(writer)
    }

    #[inline]
    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.nest()?;
        CompactFormatter.begin_object(writer)
    }

    #[inline]
    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.leave();
        CompactFormatter.end_object(writer)
    }
}

/// The error of a value that cannot be JSON.
fn unfit<T>(why: impl Display) -> SerdeError {
    SerdeError::invalid(format!("{} cannot be JSON: {why}", type_name::<T>()))
}

impl<T: Serialize + DeserializeOwned> Serde<T> for JsonSerde<T> {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        let seen = Seen::default();
        let written = value.serialize(&mut Serializer::with_formatter(out, Notice(&seen)));
        // A float that is not finite is written as null; so are `None` and `()`, which is the usual reason for one.
        if seen.nulls.get() || seen.depth.get() > DEPTH_MAX {
            fits_json(value).map_err(unfit::<T>)?;
        }
        written.map_err(unfit::<T>)?;
        Ok(Payload::Bytes)
    }

    fn check(&self, _topic: &str, value: &T) -> Result<Payload, SerdeError> {
        fits_json(value).map_err(unfit::<T>)?;
        Ok(Payload::Bytes)
    }

    fn deserialize(&self, _topic: &str, _headers: &Headers, bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        let bytes = bytes.ok_or(SerdeError::UnexpectedNull { expected: type_name::<T>() })?;
        serde_json::from_slice(bytes).map_err(|error| {
            SerdeError::invalid(format!("not a valid {} as JSON: {error}", type_name::<T>()))
        })
    }
}

impl<T: Serialize + DeserializeOwned + 'static> DefaultSerde for Json<T> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(JsonSerde::<Json<T>>::new())
    }
}
