//! Asks the application's provider of tokens, on one thread for all clients.

use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::ffi::{Client, TokenParts, TokenWanted};
use crate::time::{Clock, OnceAMinute, SystemClock, Timestamp};
use crate::transport::{OAuthToken, TokenProvider};
use crate::user_code::caught;

/// A token is passed to further clients until a tenth of its lifetime has passed.
struct Kept {
    token: OAuthToken,
    from: Timestamp,
}

/// Starts the thread that asks the provider. It ends when the last client is gone that could request a token.
pub(super) fn serve(provider: Arc<dyn TokenProvider>) -> std::io::Result<TokenWanted> {
    let (sender, wanted) = channel();
    std::thread::Builder::new().name("oauth-tokens".to_owned()).spawn(move || answer(&*provider, &wanted))?;
    let sender = Mutex::new(sender);
    Ok(Arc::new(move |client: Weak<Client>| {
        // Without the thread no client gets a token, which each of them reports.
        let _ended = sender.lock().unwrap_or_else(PoisonError::into_inner).send(client);
    }))
}

fn answer(provider: &dyn TokenProvider, wanted: &Receiver<Weak<Client>>) {
    let (mut kept, mut failed) = (None::<Kept>, OnceAMinute::default());
    for client in wanted {
        // The client was dropped before it got a token.
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
            if let Some(so_far) = failed.count(SystemClock.monotonic_ms()) {
                tracing::warn!(
                    so_far,
                    "no token for SASL/OAUTHBEARER: {reason}; the provider is asked again in 10 s"
                );
            }
            client.set_token_failure(&reason);
        }
    }
}

fn ask(provider: &dyn TokenProvider) -> Result<OAuthToken, String> {
    match caught(|| provider.token()) {
        Ok(Ok(token)) => Ok(token),
        Ok(Err(error)) => Err(format!("the token provider failed: {error}")),
        Err(panic) => Err(format!("the token provider {panic}")),
    }
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
