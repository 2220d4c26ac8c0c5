//! Probes: whether the application lives, is ready, has started, and why not.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use streams_core::runtime::{KafkaStreams, State};

/// What a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// Whether it has not ended.
    Live,
    /// Whether it processes.
    Ready,
    /// Whether it has processed; the server remembers it.
    Started(bool),
}

impl Probe {
    fn is_met(self, state: State) -> bool {
        match self {
            Probe::Live => !matches!(state, State::Error | State::NotRunning),
            Probe::Ready => state == State::Running,
            Probe::Started(has_run) => has_run,
        }
    }

    /// 200 or 503, with the state, what is waited for and the error that ended the application.
    pub fn answer(self, app: &KafkaStreams) -> Response {
        let state = app.state();
        let status = if self.is_met(state) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let reasons = app.reasons();
        let waits: Vec<_> = reasons
            .iter()
            .map(|wait| {
                json!({"who": wait.who, "what": wait.what, "waited_ms": wait.waited.as_millis() as u64})
            })
            .collect();
        let error = app.error().map(|error| error.to_string());
        let body = json!({"state": state.to_string(), "waits": waits, "error": error});
        (status, Json(body)).into_response()
    }
}
