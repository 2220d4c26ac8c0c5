//! The topology of `RelationalSmokeTest.App` (Kafka Streams 4.3.1): comments counted by article, and joined with their
//! article by foreign key.

use kstreams::prelude::*;

use crate::comments::{Article, AugmentedArticle, AugmentedComment, Comment};

/// How much of the article a comment carries.
const PREFIX: usize = 10;

/// `articles` left join `count of comments`, and `comments` join `articles` by foreign key.
pub fn relational_topology() -> Result<Topology, DslError> {
    let builder = StreamsBuilder::new();
    let articles = builder.table::<i32, Article>("in-article");
    let comments = builder.table::<i32, Comment>("in-comment");
    let counts = comments.group_by(|_, comment| (comment.article_id, 1_i16)).count();
    articles
        .left_join_with(
            &counts,
            |article, count| AugmentedArticle { article, comment_count: count.unwrap_or(0) },
            Materialized::inherit().with_value_serde(AugmentedArticle::default_serde()),
        )
        .to_stream()
        .to("out-augmented-article");
    comments
        .join_foreign_key_with(
            &articles,
            |comment| Some(comment.article_id),
            |comment, article| {
                let article_prefix = article.text.chars().take(PREFIX).collect();
                AugmentedComment { comment, article_prefix }
            },
            TableJoined::new(),
            Materialized::inherit().with_value_serde(AugmentedComment::default_serde()),
        )
        .to_stream()
        .to("out-augmented-comment");
    builder.build()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_topology_is_described_as_the_java_application_describes_its_own() {
        let ours = super::relational_topology().expect("it is sound").describe().to_string();
        assert_eq!(ours, include_str!("relational.txt"));
    }
}
