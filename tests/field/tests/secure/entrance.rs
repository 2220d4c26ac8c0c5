//! Who is let in, and what is said to those who are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use field::{App, LIMIT, logged, turn};
use kstreams::prelude::*;
use streams_core::config::StreamsConfig;
use streams_core::runtime::KafkaStreams;

use crate::support::{Scenario, says, text};

fn counts_by_password(app: &str, mechanism: &str) {
    let _turn = turn();
    let scenario = Scenario::new(app);
    scenario.grant(|_| false);
    scenario.counts_with(scenario.by_password(mechanism, "app-secret"));
}

#[test]
fn words_are_counted_through_sasl_plain() {
    counts_by_password("secure-plain", "PLAIN");
}

#[test]
fn words_are_counted_through_scram_256() {
    counts_by_password("secure-scram-256", "SCRAM-SHA-256");
}

#[test]
fn words_are_counted_through_scram_512_at_least_once() {
    let _turn = turn();
    let scenario = Scenario::new("secure-scram-512");
    scenario.grant(|_| false);
    let mut config = scenario.by_password("SCRAM-SHA-512", "app-secret");
    config.set("processing.guarantee", "at_least_once").expect("a setting");
    scenario.counts_with(config);
}

#[test]
fn words_are_counted_through_a_listener_that_asks_for_a_certificate() {
    let _turn = turn();
    let scenario = Scenario::new("secure-certificate");
    scenario.grant(|_| false);
    scenario.counts_with(scenario.by_certificate("app", &scenario.secured.authority()));
}

/// The settings of an application that logs in by tokens.
fn by_token(scenario: &Scenario) -> StreamsConfig {
    let authority = scenario.secured.authority();
    scenario.config(
        scenario.secured.sasl_bootstrap(),
        &[
            ("security.protocol", "SASL_SSL"),
            ("ssl.ca.location", text(&authority)),
            ("sasl.mechanism", "OAUTHBEARER"),
        ],
    )
}

/// An unsigned token, as the brokers of these tests take it.
fn token(life: Duration) -> OAuthToken {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let part = |json: String| URL_SAFE_NO_PAD.encode(json);
    let ends = now + life;
    let claims = format!(r#"{{"sub":"app","iat":{},"exp":{}}}"#, now.as_secs_f64(), ends.as_secs_f64());
    let value = format!("{}.{}.", part(r#"{"alg":"none"}"#.to_owned()), part(claims));
    OAuthToken::new(value, i64::try_from(ends.as_millis()).expect("fits")).with_principal("app")
}

#[test]
fn tokens_come_from_the_provider_again_and_again() {
    let _turn = turn();
    let scenario = Scenario::new("secure-token");
    scenario.grant(|_| false);
    let asked = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&asked);
    let provider = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        // Long enough for a client of a busy machine to log in with it.
        Ok(token(Duration::from_secs(10)))
    };
    let builder = KafkaStreams::builder(scenario.counts(), by_token(&scenario));
    let streams = builder.with_token_provider(provider).build().expect("settings and topology are fine");
    streams.start().expect("it starts");
    let app = App { streams };
    app.wait(State::Running);
    scenario.is_counted();
    let (begin, before) = (Instant::now(), asked.load(Ordering::Relaxed));
    while asked.load(Ordering::Relaxed) < before + 2 {
        assert!(begin.elapsed() < LIMIT, "asked {asked:?} times");
        std::thread::sleep(Duration::from_millis(100));
    }
    app.close();
}

#[test]
fn a_provider_without_a_token_ends_the_application_in_its_own_words() {
    let _turn = turn();
    let scenario = Scenario::new("secure-no-token");
    let builder = KafkaStreams::builder(scenario.counts(), by_token(&scenario));
    let provider = || -> Result<OAuthToken, _> { Err("the identity provider is out of order".into()) };
    let streams = builder.with_token_provider(provider).build().expect("settings and topology are fine");
    says(&scenario.ends_of(&streams), &["the identity provider is out of order", "token provider"]);
}

#[test]
fn a_provider_that_never_answers_ends_the_application_which_still_closes() {
    let _turn = turn();
    let scenario = Scenario::new("secure-slow-token");
    let builder = KafkaStreams::builder(scenario.counts(), by_token(&scenario));
    let provider = || -> Result<OAuthToken, _> {
        std::thread::sleep(Duration::from_secs(3600));
        Err("too late".into())
    };
    let streams = builder.with_token_provider(provider).build().expect("settings and topology are fine");
    says(&scenario.ends_of(&streams), &["the token provider has not answered yet"]);
    let begin = Instant::now();
    drop(streams);
    assert!(begin.elapsed() < LIMIT, "{:?}", begin.elapsed());
}

#[test]
fn tokens_without_a_provider_are_refused_at_the_start() {
    let _turn = turn();
    let scenario = Scenario::new("secure-tokenless");
    says(&scenario.ends(scenario.counts(), by_token(&scenario)), &["with_token_provider"]);
}

#[test]
fn a_wrong_password_ends_the_application_and_says_what_to_look_at() {
    let _turn = turn();
    let scenario = Scenario::new("secure-wrong-password");
    let error = scenario.ends(scenario.counts(), scenario.by_password("SCRAM-SHA-256", "wrong"));
    says(&error, &["invalid credentials", "sasl.password", scenario.secured.sasl_bootstrap()]);
    let error = scenario.ends(scenario.counts(), scenario.by_password("PLAIN", "wrong"));
    says(&error, &["sasl.password"]);
}

#[test]
fn a_broker_of_an_unknown_authority_is_not_trusted() {
    let _turn = turn();
    let scenario = Scenario::new("secure-untrusted");
    let error = scenario
        .ends(scenario.counts(), scenario.by_certificate("app", &scenario.secured.strange_authority()));
    says(&error, &["certificate", "ssl.ca.location"]);
}

#[test]
fn a_certificate_that_brokers_do_not_take_ends_the_application() {
    let _turn = turn();
    let scenario = Scenario::new("secure-bad-certificate");
    for name in ["expired", "stranger"] {
        let authority = scenario.secured.authority();
        let error = scenario.ends(scenario.counts(), scenario.by_certificate(name, &authority));
        says(&error, &["ssl.certificate.location", "certificate"]);
    }
    let authority = scenario.secured.authority();
    let none = [("security.protocol", "SSL"), ("ssl.ca.location", text(&authority))];
    let error = scenario.ends(scenario.counts(), scenario.config(scenario.secured.tls_bootstrap(), &none));
    says(&error, &["ssl.certificate.location"]);
}

/// Before: advice about certificates or passwords, or none.
#[test]
fn a_listener_that_speaks_another_protocol_is_told_with_what_to_set() {
    let _turn = turn();
    let scenario = Scenario::new("secure-other-protocol");
    let (plain, authority) = (scenario.client.bootstrap().to_owned(), scenario.secured.authority());
    let (sasl, tls) = (scenario.secured.sasl_bootstrap(), scenario.secured.tls_bootstrap());
    for (servers, protocol) in [
        (&*plain, "SSL"),
        (&*plain, "SASL_SSL"),
        (&*plain, "SASL_PLAINTEXT"),
        (sasl, "PLAINTEXT"),
        (sasl, "SASL_PLAINTEXT"),
        (tls, "PLAINTEXT"),
    ] {
        let mut config = scenario.config(
            servers,
            &[("security.protocol", protocol), ("sasl.mechanism", "PLAIN"), ("task.timeout.ms", "6000")],
        );
        for (key, value) in
            [("ssl.ca.location", text(&authority)), ("sasl.username", "app"), ("sasl.password", "app-secret")]
        {
            config.set(key, value).expect("a setting");
        }
        let error = scenario.ends(scenario.counts(), config);
        says(&error, &["set security.protocol to what the listener at bootstrap.servers speaks"]);
    }
    assert!(!logged("set security.protocol to what the listener").is_empty(), "it is a warning at once");
}
