//! Where the tokens of SASL/OAUTHBEARER come from: the application's own provider.

use std::fmt;

use crate::time::Timestamp;

/// A token with which clients log in (the mechanism OAUTHBEARER).
#[derive(Clone)]
pub struct OAuthToken {
    #[cfg_attr(not(feature = "kafka"), expect(dead_code, reason = "only Kafka asks for it"))]
    pub(super) value: String,
    pub(super) expires_at: Timestamp,
    pub(super) principal: String,
    pub(super) extensions: Vec<(String, String)>,
}

impl OAuthToken {
    /// A token and its end, in milliseconds since 1970. A new one is requested after four fifths of its time.
    pub fn new(value: impl Into<String>, expires_at: Timestamp) -> Self {
        OAuthToken { value: value.into(), expires_at, principal: String::new(), extensions: Vec::new() }
    }

    /// Whom it stands for, as far as the client's own log is concerned; brokers read it from the token.
    pub fn with_principal(mut self, principal: impl Into<String>) -> Self {
        self.principal = principal.into();
        self
    }

    /// Adds a SASL extension (KIP-342), which brokers may want besides the token.
    pub fn with_extension(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.extensions.push((name.into(), value.into()));
        self
    }
}

/// Shows when it ends, and not the token, which is as good as a password.
impl fmt::Debug for OAuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("OAuthToken");
        shown
            .field("expires_at", &self.expires_at)
            .field("principal", &self.principal)
            .finish_non_exhaustive()
    }
}

/// Gives tokens for SASL/OAUTHBEARER, as a login callback handler does for Java's clients (KIP-255).
///
/// It is asked when the application starts and after four fifths of a token's time, on a thread of its own: it may take
/// its time, though no broker lets a client in that has no token yet. After an error it is asked again in ten seconds, and
/// the last token is used meanwhile; an application that never gets one ends with the error in seconds.
pub trait TokenProvider: Send + Sync {
    /// A token that has not ended.
    fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error + Send + Sync>>;
}

impl<F> TokenProvider for F
where
    F: Fn() -> Result<OAuthToken, Box<dyn std::error::Error + Send + Sync>> + Send + Sync,
{
    fn token(&self) -> Result<OAuthToken, Box<dyn std::error::Error + Send + Sync>> {
        self()
    }
}
