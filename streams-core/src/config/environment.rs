//! Settings from environment variables, as containers get theirs.

use super::StreamsConfig;
use super::error::ConfigError;

impl StreamsConfig {
    /// The settings that the process' environment has below a prefix: with `STREAMS_`, `STREAMS_APPLICATION_ID` is
    /// `application.id`, and `STREAMS_PRODUCER_LINGER_MS` is `producer.linger.ms`. Names of variables are in capitals; `_`
    /// is a full stop, `__` an underscore, `___` a hyphen, as in Kafka's images. An unknown setting is an
    /// error that names the variable.
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        StreamsConfig { values: Default::default() }.overruled_by_env(prefix)
    }

    /// These settings, overridden by the environment's below a prefix: see [`from_env`](Self::from_env).
    pub fn overruled_by_env(self, prefix: &str) -> Result<Self, ConfigError> {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            Some((name, value.into_string().map_err(|value| value.to_string_lossy().into_owned())))
        });
        self.overruled_by(prefix, variables)
    }

    /// `Err` is a value that is not UTF-8.
    fn overruled_by(
        mut self,
        prefix: &str,
        variables: impl Iterator<Item = (String, Result<String, String>)>,
    ) -> Result<Self, ConfigError> {
        for (variable, value) in variables {
            let Some(name) = variable.strip_prefix(prefix).filter(|name| !name.is_empty()) else { continue };
            let key = name
                .to_lowercase()
                .replace("___", "-")
                .replace("__", "\0")
                .replace('_', ".")
                .replace('\0', "_");
            let set = match value {
                Ok(value) => self.set(&key, value).map(|_| ()),
                Err(value) => Err(ConfigError::InvalidValue { key, value, expected: "UTF-8".to_owned() }),
            };
            set.map_err(|cause| ConfigError::Environment { variable, cause: Box::new(cause) })?;
        }
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<StreamsConfig, ConfigError> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), Ok((*value).to_owned())));
        StreamsConfig::new("default", "embedded:").overruled_by("STREAMS_", variables)
    }

    #[test]
    fn variables_below_the_prefix_are_settings() {
        let config = of(&[
            ("STREAMS_APPLICATION_ID", "fraud"),
            ("STREAMS_NUM_STREAM_THREADS", "3"),
            ("STREAMS_PRODUCER_LINGER_MS", "7"),
            ("STREAMS_PROCESSING_GUARANTEE", "at_least_once"),
            ("STREAMS_", "nothing"),
            ("PATH", "/bin"),
        ])
        .unwrap();
        assert_eq!((config.application_id(), config.num_stream_threads()), ("fraud".to_owned(), 3));
        assert_eq!(config.get("producer.linger.ms").unwrap().to_string(), "7");
        assert!(!config.exactly_once());
    }

    #[test]
    fn a_typo_names_the_variable_and_the_setting() {
        let said = of(&[("STREAMS_NUM_STREAM_THREAD", "3")]).unwrap_err().to_string();
        assert!(
            said.contains("STREAMS_NUM_STREAM_THREAD") && said.contains("'num.stream.threads'"),
            "{said}"
        );
        let said = of(&[("STREAMS_NUM_STREAM_THREADS", "many")]).unwrap_err().to_string();
        assert!(said.contains("STREAMS_NUM_STREAM_THREADS") && said.contains("many"), "{said}");
    }
}
