//! Any type that `serde` knows, as JSON.

use std::any::type_name;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef};
use crate::record::Headers;

/// A value that is JSON on topics and in stores: `builder.stream::<String, Json<Payment>>("payments")`.
///
/// ```
/// use streams_core::serde::{DefaultSerde, Json};
///
/// let mut bytes = Vec::new();
/// Json::<(String, i64)>::default_serde().serialize("t", &Default::default(), &Json(("a".into(), 1)), &mut bytes)?;
/// assert_eq!(bytes, br#"["a",1]"#);
/// # Ok::<(), streams_core::serde::SerdeError>(())
/// ```
///
/// It dereferences to the value. As a key, equal values must give equal text, which a `HashMap` inside does not.
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

impl<T: Serialize + DeserializeOwned> Serde<T> for JsonSerde<T> {
    fn serialize(
        &self,
        _topic: &str,
        _headers: &Headers,
        value: &T,
        out: &mut Vec<u8>,
    ) -> Result<Payload, SerdeError> {
        match serde_json::to_writer(out, value) {
            Ok(()) => Ok(Payload::Bytes),
            Err(error) => Err(SerdeError::invalid(format!("{} cannot be JSON: {error}", type_name::<T>()))),
        }
    }

    fn deserialize(&self, _topic: &str, _headers: &Headers, bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        let bytes = bytes.ok_or(SerdeError::UnexpectedNull { expected: type_name::<T>() })?;
        serde_json::from_slice(bytes)
            .map_err(|error| SerdeError::invalid(format!("this is no {} as JSON: {error}", type_name::<T>())))
    }
}

impl<T: Serialize + DeserializeOwned + 'static> DefaultSerde for Json<T> {
    fn default_serde() -> SerdeRef<Self> {
        Arc::new(JsonSerde::<Json<T>>::new())
    }
}
