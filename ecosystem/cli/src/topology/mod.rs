//! A topology from outside of its application: from a running instance, or saved in a file.

pub mod facts;
mod http;
mod json;
mod parse;

use std::io::Read;

use streams_core::topology::TopologyDescription;

pub use json::{from_json, to_json};
pub use parse::parse;

use crate::error::CliError;

/// What is asked of an instance besides its address.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Access {
    /// A header for requests to an instance, as `Authorization: Bearer TOKEN`.
    #[arg(long = "header", value_name = "NAME: VALUE")]
    pub headers: Vec<String>,
}

/// Reads the topology that `source` names: the address of an instance's server (`http://host:port`, with a prefix if it has
/// one), a file with what `Topology::describe` prints or with the JSON of `streams describe`, or `-` for standard input.
pub fn read(source: &str, access: &Access) -> Result<TopologyDescription, CliError> {
    let file = |error| CliError::File { path: source.to_owned(), error };
    let text = match source {
        "-" => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).map_err(file)?;
            text
        }
        url if url.starts_with("http://") || url.starts_with("https://") => {
            http::get(&url_of(url), &access.headers)?
        }
        path => std::fs::read_to_string(path).map_err(file)?,
    };
    let found = if text.trim_start().starts_with('{') { from_json(&text) } else { parse(&text) };
    found.map_err(|why| CliError::Topology { place: source.to_owned(), why })
}

/// The address of the topology itself.
fn url_of(instance: &str) -> String {
    match instance.trim_end_matches('/') {
        url if url.ends_with("/topology") => url.to_owned(),
        url => format!("{url}/topology"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_is_asked_for_its_topology() {
        for (instance, url) in [
            ("http://a:1", "http://a:1/topology"),
            ("http://a:1/", "http://a:1/topology"),
            ("http://a:1/fraud", "http://a:1/fraud/topology"),
            ("http://a:1/fraud/topology", "http://a:1/fraud/topology"),
        ] {
            assert_eq!(url_of(instance), url);
        }
    }
}
