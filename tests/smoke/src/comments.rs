//! The records of `RelationalSmokeTest` with the bytes that its serdes make of them.

use std::sync::Arc;

use kstreams::prelude::DefaultSerde;
use streams_core::serde::FnSerde;
use streams_core::serde::{SerdeError, SerdeRef};

/// `RelationalSmokeTest.Article`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Article {
    /// Its number.
    pub key: i32,
    /// When it was written, in milliseconds since 1970.
    pub timestamp: i64,
    /// What it says.
    pub text: String,
}

/// `RelationalSmokeTest.Comment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// Its number.
    pub key: i32,
    /// When it was written, in milliseconds since 1970.
    pub timestamp: i64,
    /// What it says.
    pub text: String,
    /// On which article.
    pub article_id: i32,
}

/// `RelationalSmokeTest.AugmentedArticle`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AugmentedArticle {
    /// The article.
    pub article: Article,
    /// How many comments it has.
    pub comment_count: i64,
}

/// `RelationalSmokeTest.AugmentedComment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AugmentedComment {
    /// The comment.
    pub comment: Comment,
    /// How its article begins.
    pub article_prefix: String,
}

/// Bytes of a record that are read from the front.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], SerdeError> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or_else(|| self.too_short(N))?;
        self.0 = rest;
        Ok(*head)
    }

    fn int(&mut self) -> Result<i32, SerdeError> {
        self.take().map(i32::from_be_bytes)
    }

    fn long(&mut self) -> Result<i64, SerdeError> {
        self.take().map(i64::from_be_bytes)
    }

    fn text(&mut self) -> Result<String, SerdeError> {
        let length = usize::try_from(self.int()?).map_err(|error| SerdeError::invalid(error.to_string()))?;
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(|| self.too_short(length))?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).map_err(|error| SerdeError::invalid(error.to_string()))
    }

    fn too_short(&self, wanted: usize) -> SerdeError {
        SerdeError::invalid(format!("{wanted} bytes expected, {} left", self.0.len()))
    }
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend(i32::try_from(text.len()).unwrap_or(i32::MAX).to_be_bytes());
    out.extend(text.as_bytes());
}

/// What is written in parts, each like the record that it is.
trait Parts: Sized + Clone + 'static {
    fn write(&self, out: &mut Vec<u8>);
    fn read(from: &mut Reader<'_>) -> Result<Self, SerdeError>;
}

impl Parts for Article {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.key.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        write_text(out, &self.text);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, SerdeError> {
        Ok(Article { key: from.int()?, timestamp: from.long()?, text: from.text()? })
    }
}

impl Parts for Comment {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend(self.key.to_be_bytes());
        out.extend(self.timestamp.to_be_bytes());
        write_text(out, &self.text);
        out.extend(self.article_id.to_be_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, SerdeError> {
        Ok(Comment { key: from.int()?, timestamp: from.long()?, text: from.text()?, article_id: from.int()? })
    }
}

impl Parts for AugmentedArticle {
    fn write(&self, out: &mut Vec<u8>) {
        self.article.write(out);
        out.extend(self.comment_count.to_be_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, SerdeError> {
        Ok(AugmentedArticle { article: Article::read(from)?, comment_count: from.long()? })
    }
}

impl Parts for AugmentedComment {
    fn write(&self, out: &mut Vec<u8>) {
        self.comment.write(out);
        write_text(out, &self.article_prefix);
    }

    fn read(from: &mut Reader<'_>) -> Result<Self, SerdeError> {
        Ok(AugmentedComment { comment: Comment::read(from)?, article_prefix: from.text()? })
    }
}

fn serde_of<T: Parts>() -> SerdeRef<T> {
    Arc::new(FnSerde::new(
        |value: &T, out: &mut Vec<u8>| {
            value.write(out);
            Ok(())
        },
        |bytes: &[u8]| T::read(&mut Reader(bytes)),
    ))
}

macro_rules! default_serde {
    ($($type:ty),*) => {
        $(impl DefaultSerde for $type {
            fn default_serde() -> SerdeRef<Self> {
                serde_of()
            }
        })*
    };
}

default_serde!(Article, Comment, AugmentedArticle, AugmentedComment);

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: DefaultSerde + PartialEq + std::fmt::Debug>(value: &T) -> Vec<u8> {
        let (serde, mut out) = (T::default_serde(), Vec::new());
        let headers = kstreams::prelude::Headers::default();
        serde.serialize("t", &headers, value, &mut out).expect("written");
        assert_eq!(serde.deserialize("t", &headers, Some(&out)).expect("read"), *value);
        out
    }

    #[test]
    fn bytes_are_those_of_the_java_classes() {
        let article = Article { key: 1, timestamp: 2, text: "ab".into() };
        assert_eq!(round_trip(&article), b"\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x02ab");
        let bytes = round_trip(&AugmentedArticle { article, comment_count: 3 });
        assert_eq!(bytes, b"\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x02ab\0\0\0\0\0\0\0\x03");
        let comment = Comment { key: 1, timestamp: 2, text: "c".into(), article_id: 4 };
        assert_eq!(round_trip(&comment), b"\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x01c\0\0\0\x04");
        let bytes = round_trip(&AugmentedComment { comment, article_prefix: "ab".into() });
        assert_eq!(bytes, b"\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\x01c\0\0\0\x04\0\0\0\x02ab");
    }
}
