//! The command line that all examples have.

use std::path::PathBuf;

use clap::Parser;
use kstreams::prelude::StreamsConfig;
use tracing_subscriber::EnvFilter;

use crate::Result;

/// Runs a pipeline: writes its input to topics, processes it, and prints what came out.
#[derive(Clone, Debug, Parser)]
pub struct Options {
    /// The broker: `embedded:` (in this process, in memory), `embedded:PATH` (durable in that folder), or host:port of
    /// Kafka.
    #[arg(long, default_value = "embedded:")]
    pub bootstrap_servers: String,
    /// A file or folder to read instead of the data that comes with the example.
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// Where local state is kept.
    #[arg(long)]
    pub state_dir: Option<PathBuf>,
    /// A setting of the application, as `num.stream.threads=2`; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub settings: Vec<String>,
}

impl Options {
    /// Those of the program's command line; also lets the library's log go to standard error, as RUST_LOG says.
    pub fn from_command_line() -> Self {
        let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("warn"));
        // A second call, in a test, changes nothing.
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).try_init();
        Options::parse()
    }

    /// Where the data is: what the user gave, else what comes with the examples.
    pub fn data_or(&self, shipped: &str) -> PathBuf {
        match &self.data {
            Some(path) => path.clone(),
            None => PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/data")).join(shipped),
        }
    }

    /// The application's settings.
    pub fn config(&self, application_id: &str) -> Result<StreamsConfig> {
        let mut config = StreamsConfig::new(application_id, &self.bootstrap_servers);
        if let Some(path) = &self.state_dir {
            config = config.with_state_dir(path);
        }
        for setting in &self.settings {
            let (key, value) = setting
                .split_once('=')
                .ok_or_else(|| format!("--set {setting}: write KEY=VALUE, as num.stream.threads=2"))?;
            config = config.with(key, value)?;
        }
        Ok(config)
    }
}

impl Default for Options {
    /// As without any arguments.
    fn default() -> Self {
        Options {
            bootstrap_servers: "embedded:".to_owned(),
            data: None,
            state_dir: None,
            settings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_reach_the_application() {
        let with = |setting: &str| {
            Options { settings: vec![setting.to_owned()], ..Options::default() }.config("app")
        };
        assert_eq!(with("num.stream.threads=3").unwrap().num_stream_threads(), 3);
        assert!(with("num.stream.threads").unwrap_err().to_string().contains("KEY=VALUE"));
        assert!(with("num.stream.thread=3").unwrap_err().to_string().contains("num.stream.threads"));
    }
}
