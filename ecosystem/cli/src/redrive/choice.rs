//! Which letters are redriven.

use super::letter::Letter;

/// Letters that fit all that is given.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Choice {
    /// Only letters with this kind of error, as `SerdeError`.
    #[arg(long, value_name = "KIND")]
    pub exception: Option<String>,
    /// Only letters whose message contains this text.
    #[arg(long, value_name = "TEXT")]
    pub message: Option<String>,
    /// Only letters of this application.
    #[arg(long, value_name = "APPLICATION.ID")]
    pub application: Option<String>,
    /// Only letters of this node.
    #[arg(long, value_name = "NODE")]
    pub node: Option<String>,
    /// Only letters about records of this topic.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
}

impl Choice {
    /// Whether a letter is one of them.
    pub fn takes(&self, letter: &Letter) -> bool {
        let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|wanted| wanted == found);
        is(&self.exception, &letter.exception)
            && is(&self.application, &letter.application)
            && is(&self.node, &letter.node)
            && is(&self.topic, &letter.topic)
            && self.message.as_ref().is_none_or(|text| letter.message.contains(text))
    }
}
