//! Where the tokens of SASL/OAUTHBEARER come from: a provider of the application's, asked by one thread for all clients.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::ffi::{Client, TokenParts, TokenWanted};
use crate::time::{Clock, SystemClock, Timestamp};

/// A token with which clients log in (the mechanism OAUTHBEARER).
#[derive(Clone)]
pub struct OAuthToken {
    value: String,
    expires_at: Timestamp,
    principal: String,
    extensions: Vec<(String, String)>,
}

impl OAuthToken {
    /// A token and when it ends, in milliseconds since 1970. A new one is asked for after four fifths of its time.
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

/// A token that is handed to further clients while less than a tenth of its time has gone by.
struct Kept {
    token: OAuthToken,
    from: Timestamp,
}

/// Starts the thread that asks the provider. It ends when the last client is gone that could want a token.
pub(super) fn serve(provider: Arc<dyn TokenProvider>) -> std::io::Result<TokenWanted> {
    let (sender, wanted) = channel();
    std::thread::Builder::new().name("oauth-tokens".to_owned()).spawn(move || answer(&*provider, &wanted))?;
    let sender = Mutex::new(sender);
    Ok(Arc::new(move |client: Weak<Client>| {
        // Without the thread, nobody gets a token, which every client notices by itself.
        let _ended = sender.lock().unwrap_or_else(PoisonError::into_inner).send(client);
    }))
}

fn answer(provider: &dyn TokenProvider, wanted: &Receiver<Weak<Client>>) {
    let mut kept: Option<Kept> = None;
    for client in wanted {
        // Gone before it got a token.
        if client.strong_count() == 0 {
            continue;
        }
        let now = SystemClock.now_ms();
        let fresh = |kept: &&Kept| now - kept.from < (kept.token.expires_at - kept.from) / 10;
        let token = match kept.as_ref().filter(fresh) {
            Some(kept) => Ok(kept.token.clone()),
            None => ask(provider),
        };
        let Some(client) = client.upgrade() else { continue };
        let given = token.and_then(|token| {
            let parts = TokenParts {
                value: &token.value,
                expires_at_ms: token.expires_at,
                principal: &token.principal,
                extensions: &token.extensions,
            };
            client.set_token(&parts)?;
            kept = Some(Kept { token, from: now });
            Ok(())
        });
        if let Err(reason) = given {
            tracing::warn!("no token for SASL/OAUTHBEARER: {reason}; the provider is asked again in 10 s");
            client.set_token_failure(&reason);
        }
    }
}

fn ask(provider: &dyn TokenProvider) -> Result<OAuthToken, String> {
    match catch_unwind(AssertUnwindSafe(|| provider.token())) {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(error)) => Err(format!("the token provider failed: {error}")),
        Err(panic) => Err(format!("the token provider panicked: {}", message(&*panic))),
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("(no message)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_that_fails_or_panics_is_told_of_in_its_own_words() {
        let failing =
            || -> Result<OAuthToken, Box<dyn std::error::Error + Send + Sync>> { Err("no route".into()) };
        assert_eq!(ask(&failing).expect_err("fails"), "the token provider failed: no route");
        let panicking = || -> Result<OAuthToken, Box<dyn std::error::Error + Send + Sync>> {
            panic!("out of {}", "luck")
        };
        assert_eq!(ask(&panicking).expect_err("panics"), "the token provider panicked: out of luck");
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = OAuthToken::new("secret", 7).with_principal("app").with_extension("a", "hidden");
        assert_eq!(format!("{token:?}"), "OAuthToken { expires_at: 7, principal: \"app\", .. }");
    }
}
