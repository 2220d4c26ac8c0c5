//! Free loopback ports that stay free while a broker is down.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::sync::{Mutex, PoisonError};

use crate::error::LabError;

/// Below the range from which the kernel takes ports for outgoing connections, so that nobody takes the port of a
/// stopped broker.
const RANGE: std::ops::Range<u64> = 12_000..32_000;

static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);

/// A port on which nobody listens and which this process has not given away.
pub fn free_port() -> Result<u16, LabError> {
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_with(HashSet::new);
    let mut last = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for attempt in 0..1000_u32 {
        let random = RandomState::new().hash_one(attempt);
        let port = RANGE.start + random % (RANGE.end - RANGE.start);
        let Ok(port) = u16::try_from(port) else { continue };
        if given.contains(&port) {
            continue;
        }
        match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_closed_at_once) => {
                given.insert(port);
                return Ok(port);
            }
            Err(error) => last = error,
        }
    }
    Err(LabError::Io { what: "no free port on 127.0.0.1".into(), source: last })
}
