//! How a command reaches the brokers.

use std::path::PathBuf;
use std::sync::Arc;

use streams_core::config::StreamsConfig;
use streams_core::runtime::connect;
use streams_core::transport::Transport;

use crate::error::CliError;

/// The brokers, and settings such as `security.protocol`.
#[derive(Clone, Debug, clap::Args)]
pub struct Connection {
    /// host:port of some brokers.
    #[arg(long, visible_alias = "bootstrap-server", value_name = "HOST:PORT,...")]
    pub bootstrap_servers: String,
    /// A file of `key=value` lines with client settings, as for the application itself.
    #[arg(long, value_name = "FILE")]
    pub command_config: Option<PathBuf>,
}

impl Connection {
    /// The settings of an application of that id at these brokers. The file may be another application's, or of another
    /// cluster: what the command line says wins.
    pub fn config(&self, application_id: &str) -> Result<StreamsConfig, CliError> {
        let mut config = StreamsConfig::new(application_id, &self.bootstrap_servers);
        if let Some(path) = &self.command_config {
            let name = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|error| CliError::File { path: name, error })?;
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            for (key, value) in lines.filter_map(|line| line.split_once('=')) {
                config.set(key.trim(), value.trim())?;
            }
            config.set("application.id", application_id)?;
            config.set("bootstrap.servers", &*self.bootstrap_servers)?;
        }
        Ok(config)
    }

    /// The clients.
    pub fn open(&self, application_id: &str) -> Result<Arc<dyn Transport>, CliError> {
        Ok(connect(&self.config(application_id)?)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_wins_over_the_file() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("app.properties");
        let text = "# settings\napplication.id = other\nbootstrap.servers=elsewhere:9092\npoll.ms=5\n";
        std::fs::write(&path, text).expect("a file");
        let connection = Connection { bootstrap_servers: "here:9092".to_owned(), command_config: Some(path) };
        let config = connection.config("fraud").expect("settings");
        assert_eq!(config.application_id(), "fraud");
        assert_eq!(format!("{:?}", config.bootstrap()), r#"Kafka("here:9092")"#);
    }
}
