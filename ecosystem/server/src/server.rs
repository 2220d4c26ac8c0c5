//! The server: routes, and a thread of its own for programs without a runtime.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::{Request, State as Extracted};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use streams_core::metrics::MetricValue;
use streams_core::runtime::{KafkaStreams, State};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::health::Probe;
use crate::prometheus;

/// Decides whether a request is answered.
type Authentication = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// Why a server did not start.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is taken, is not this machine's, or needs rights.
    #[error("cannot listen on {address} ({error}); give another address, or port 0 for any free one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: std::io::Error,
    },
    /// An address that others can reach needs an authentication.
    #[error(
        "{address} can be reached from other machines: add Server::with_authentication, or listen on 127.0.0.1"
    )]
    Open {
        /// The address.
        address: SocketAddr,
    },
    /// The server's thread did not start.
    #[error("cannot start the thread of the server: {0}")]
    Thread(std::io::Error),
}

streams_core::error::debug_as_display!(ServerError);

/// What the handlers share.
struct Shared {
    app: Arc<KafkaStreams>,
    has_run: AtomicBool,
}

impl Shared {
    /// Whether the application has been RUNNING, as far as anybody has asked.
    fn has_run(&self) -> bool {
        if self.app.state() == State::Running {
            self.has_run.store(true, Ordering::Relaxed);
        }
        self.has_run.load(Ordering::Relaxed)
    }
}

/// What an application tells over HTTP; see the [crate's page](crate).
pub struct Server {
    app: Arc<KafkaStreams>,
    prefix: String,
    authentication: Option<Authentication>,
}

impl Server {
    /// For that application, which may be started before or afterwards.
    pub fn new(app: &Arc<KafkaStreams>) -> Self {
        Server { app: Arc::clone(app), prefix: String::new(), authentication: None }
    }

    /// Puts all paths under a prefix, as `/fraud`, behind a proxy that serves several applications.
    pub fn with_prefix(mut self, prefix: impl AsRef<str>) -> Self {
        self.prefix = match prefix.as_ref().trim_matches('/') {
            "" => String::new(),
            prefix => format!("/{prefix}"),
        };
        self
    }

    /// Answers those requests alone for which `allows` says so, by a token in a header for example; others get 401. Probes
    /// are answered to everybody: what asks them has no secrets.
    pub fn with_authentication(mut self, allows: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.authentication = Some(Arc::new(allows));
        self
    }

    /// The routes, for a program that has an axum server of its own.
    pub fn router(&self) -> Router {
        let shared = Arc::new(Shared { app: Arc::clone(&self.app), has_run: AtomicBool::new(false) });
        let probes = Router::new()
            .route("/livez", get(live))
            .route("/readyz", get(ready))
            .route("/startupz", get(started));
        let mut rest = Router::new().route("/metrics", get(metrics)).route("/topology", get(topology));
        if let Some(allows) = &self.authentication {
            rest = rest.layer(from_fn_with_state(Arc::clone(allows), authenticate));
        }
        let all = probes.merge(rest).with_state(shared);
        if self.prefix.is_empty() { all } else { Router::new().nest(&self.prefix, all) }
    }

    /// Listens and answers on a thread of its own until what it returns is dropped. Port 0 is any free one.
    pub fn start(self, address: SocketAddr) -> Result<Running, ServerError> {
        if self.authentication.is_none() && !address.ip().is_loopback() {
            return Err(ServerError::Open { address });
        }
        let router = self.router();
        let failed = |error| ServerError::Listen { address, error };
        let listener = std::net::TcpListener::bind(address).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServerError::Thread)?;
        let serve = move || {
            let served = runtime.block_on(async {
                let listener = TcpListener::from_std(listener)?;
                let serving = async { axum::serve(listener, router).await };
                // A client that keeps its connection open does not keep the server.
                tokio::select! {
                    served = serving => served,
                    _ = stopped => Ok(()),
                }
            });
            if let Err(error) = served {
                tracing::error!(%error, %address, "the server of metrics and probes has ended; the application continues");
            }
        };
        let thread = std::thread::Builder::new().name("streams-server".to_owned()).spawn(serve);
        let thread = thread.map_err(ServerError::Thread)?;
        Ok(Running { address, stop: Some(stop), thread: Some(thread) })
    }
}

/// A server that runs; dropping it ends it.
#[must_use = "dropped, the server ends"]
pub struct Running {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It has no panics to tell: a handler's are the connection's.
            let _ = thread.join();
        }
    }
}

type Of = Extracted<Arc<Shared>>;

async fn authenticate(allows: Extracted<Authentication>, request: Request, next: Next) -> Response {
    if (allows.0)(&request) { next.run(request).await } else { StatusCode::UNAUTHORIZED.into_response() }
}

async fn live(Extracted(shared): Of) -> Response {
    Probe::Live.answer(&shared.app)
}

async fn ready(Extracted(shared): Of) -> Response {
    shared.has_run();
    Probe::Ready.answer(&shared.app)
}

async fn started(Extracted(shared): Of) -> Response {
    Probe::Started(shared.has_run()).answer(&shared.app)
}

async fn metrics(Extracted(shared): Of) -> Response {
    match prometheus::text(shared.app.metrics()) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::CONTENT_TYPE)], text).into_response(),
        Err(error) => {
            (StatusCode::INTERNAL_SERVER_ERROR, format!("metrics cannot be written: {error}")).into_response()
        }
    }
}

async fn topology(Extracted(shared): Of) -> Response {
    let metrics = shared.app.metrics();
    let described = metrics.into_iter().find(|metric| metric.name == "topology-description");
    match described.map(|metric| metric.value) {
        Some(MetricValue::Text(text)) => text.into_response(),
        _ => (StatusCode::SERVICE_UNAVAILABLE, "the application has not started").into_response(),
    }
}
