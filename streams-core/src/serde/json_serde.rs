//! JSON as the default serde of custom types.

/// Makes JSON the default serde of your own `serde` types: streams and stores hold them as they are, and
/// closures see `Payment` instead of [`Json<Payment>`](crate::serde::Json). The bytes are the same.
///
/// ```
/// # use streams_core as kstreams;
/// use serde::{Deserialize, Serialize};
/// use kstreams::json_serde;
/// use kstreams::serde::DefaultSerde;
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Payment {
///     cents: i64,
/// }
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Account {
///     limit_cents: i64,
/// }
/// json_serde!(Payment, Account);
///
/// let mut bytes = Vec::new();
/// Payment::default_serde().serialize("payments", &Default::default(), &Payment { cents: 5 }, &mut bytes)?;
/// assert_eq!(bytes, br#"{"cents":5}"#);
/// # Ok::<(), kstreams::serde::SerdeError>(())
/// ```
#[macro_export]
macro_rules! json_serde {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::serde::DefaultSerde for $type {
            fn default_serde() -> $crate::serde::SerdeRef<Self> {
                ::std::sync::Arc::new($crate::serde::JsonSerde::<Self>::new())
            }
        }
    )+};
}
