//! One request to the server of an instance, without a library of its own: plain HTTP to a machine nearby.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use crate::error::CliError;

/// Time for connecting, and for each read.
const TIMEOUT: Duration = Duration::from_secs(10);

/// More than any topology is long.
const LIMIT: u64 = 64 << 20;

/// The text at an address.
pub(super) fn get(url: &str, headers: &[String]) -> Result<String, CliError> {
    let failed = |why: String| CliError::Http { url: url.to_owned(), why };
    let Some(rest) = url.strip_prefix("http://") else {
        return Err(failed("https is not spoken here; pipe what curl fetches into this command".to_owned()));
    };
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut request = format!("GET /{path} HTTP/1.0\r\nHost: {host}\r\nConnection: close\r\n");
    for header in headers {
        if !header.contains(':') || header.contains(['\r', '\n']) {
            return Err(failed(format!("'{header}' is not a header; write NAME: VALUE")));
        }
        request.push_str(&format!("{header}\r\n"));
    }
    request.push_str("\r\n");
    let answer = ask(&address, &request).map_err(|error| failed(error.to_string()))?;
    body(&answer).map_err(failed)
}

fn ask(address: &str, request: &str) -> std::io::Result<Vec<u8>> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(mut stream) => {
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.write_all(request.as_bytes())?;
                let mut answer = Vec::new();
                stream.take(LIMIT).read_to_end(&mut answer)?;
                return Ok(answer);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The body of an answer of 200. A server answers HTTP/1.0 in one piece.
fn body(answer: &[u8]) -> Result<String, String> {
    let text = String::from_utf8_lossy(answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("the answer is not HTTP")?;
    let status = head.lines().next().unwrap_or_default();
    match status.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        Some("401" | "403") => Err(format!("{status}: give what it asks for with --header")),
        _ => Err(format!("{status}: {}", body.trim())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_200_has_a_topology() {
        assert_eq!(body(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\nTopologies:"), Ok("Topologies:".to_owned()));
        let not_yet = body(b"HTTP/1.1 503 Service Unavailable\r\n\r\nthe application has not started\n");
        assert_eq!(
            not_yet.expect_err("refused"),
            "HTTP/1.1 503 Service Unavailable: the application has not started"
        );
        assert!(body(b"HTTP/1.1 401 Unauthorized\r\n\r\n").expect_err("refused").contains("--header"));
        assert!(body(b"\x00\x01").is_err());
    }

    #[test]
    fn https_and_bad_headers_are_refused_before_anything_is_sent() {
        let why = |url: &str, headers: &[&str]| {
            let headers: Vec<String> = headers.iter().map(|header| (*header).to_owned()).collect();
            get(url, &headers).expect_err("refused").to_string()
        };
        assert!(why("https://a/topology", &[]).contains("curl"));
        assert!(why("http://a/topology", &["token"]).contains("NAME: VALUE"));
        assert!(why("http://a/topology", &["a: b\r\nc: d"]).contains("NAME: VALUE"));
    }
}
