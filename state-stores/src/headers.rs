//! Record headers: an ordered list of named byte values. Cloning is free, and an empty list allocates nothing.

use std::sync::Arc;

use bytes::Bytes;

/// One header of a record: a name and a value that may be null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The name; several headers of a record may share it.
    pub key: Arc<str>,
    /// The value; `None` is Kafka's null.
    pub value: Option<Bytes>,
}

/// The headers of a record in their order (`org.apache.kafka.common.header.Headers`).
///
/// A clone shares the list; the first change of a shared list copies it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Vec<Header>>>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Headers(None)
    }

    /// Appends a header.
    pub fn add(&mut self, key: impl Into<Arc<str>>, value: Option<impl Into<Bytes>>) {
        let header = Header { key: key.into(), value: value.map(Into::into) };
        Arc::make_mut(self.0.get_or_insert_default()).push(header);
    }

    /// Removes every header of that name.
    pub fn remove(&mut self, key: &str) {
        if let Some(list) = &mut self.0 {
            if list.iter().any(|header| &*header.key == key) {
                Arc::make_mut(list).retain(|header| &*header.key != key);
            }
            if list.is_empty() {
                self.0 = None;
            }
        }
    }

    /// The last header of that name, as Kafka's `lastHeader`.
    pub fn last(&self, key: &str) -> Option<&Header> {
        self.iter().rev().find(|header| &*header.key == key)
    }

    /// All headers in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.as_deref().map_or(&[][..], Vec::as_slice).iter()
    }

    /// Whether both share one list, or both are empty. If false, they may still be equal.
    pub fn is_same(&self, other: &Headers) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }

    /// How many headers there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |list| list.len())
    }

    /// Bytes of all names and values.
    #[inline]
    pub fn bytes(&self) -> usize {
        let Some(list) = &self.0 else { return 0 };
        list.iter().map(|header| header.key.len() + header.value.as_ref().map_or(0, Bytes::len)).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clone_does_not_see_later_changes() {
        let mut headers = Headers::new();
        headers.add("a", Some("1"));
        let before = headers.clone();
        headers.add("a", None::<Bytes>);
        assert_eq!(before.len(), 1);
        assert_eq!(headers.last("a").map(|header| header.value.clone()), Some(None));
        headers.remove("a");
        assert!(headers.is_empty() && !before.is_empty());
    }
}
