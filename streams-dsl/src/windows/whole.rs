//! No windows.

/// No windows: the aggregate of a key is that of all its records. What a [`KGroupedStream`](crate::KGroupedStream) is laid
/// over time with unless [`windowed_by`](crate::KGroupedStream::windowed_by) says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Whole;
