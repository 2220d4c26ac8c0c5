//! A proxy before a broker that delays, drops and cuts requests and answers by their kind.
//!
//! A request that is held back reaches the broker in the end, even if the client has given up and closed its connection
//! meanwhile: that is how a late commit comes about.

use std::collections::HashMap;
use std::io::{self, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::wire::{Api, Frame};

/// Which way a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// From the client to the broker.
    Request,
    /// From the broker to the client.
    Answer,
}

/// What happens to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// It is held back for this many milliseconds, and what follows on its connection with it.
    Delay(u64),
    /// It is swallowed; what follows is passed on.
    Drop,
    /// The connection is closed instead.
    Cut,
}

/// What is done to which messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// Which requests, or answers to which; none is all.
    pub api: Option<Api>,
    /// Requests or answers.
    pub way: Way,
    /// What is done.
    pub act: Act,
    /// To how many of them; the others pass.
    pub times: u64,
}

struct Entry {
    id: u64,
    rule: Rule,
    hits: u64,
}

/// The rules of all proxies of a cluster. Cheap to clone.
#[derive(Clone, Default)]
pub struct Rules {
    entries: Arc<Mutex<(u64, Vec<Entry>)>>,
}

impl Rules {
    /// From now on this is done; the number takes it back.
    pub fn add(&self, rule: Rule) -> u64 {
        let mut entries = self.entries();
        entries.0 += 1;
        let id = entries.0;
        entries.1.push(Entry { id, rule, hits: 0 });
        id
    }

    /// It is no longer done. How often it was.
    pub fn remove(&self, id: u64) -> u64 {
        let mut entries = self.entries();
        let at = entries.1.iter().position(|entry| entry.id == id);
        at.map_or(0, |at| entries.1.remove(at).hits)
    }

    /// What is to be done to a message.
    fn act(&self, way: Way, api: i16) -> Option<Act> {
        let mut entries = self.entries();
        let entry = entries.1.iter_mut().find(|entry| {
            let rule = &entry.rule;
            rule.way == way && entry.hits < rule.times && rule.api.is_none_or(|only| only as i16 == api)
        })?;
        entry.hits += 1;
        Some(entry.rule.act)
    }

    fn entries(&self) -> MutexGuard<'_, (u64, Vec<Entry>)> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A port whose connections lead to a broker. Dropped, it takes no more; those that there are end with their clients.
pub struct Proxy {
    port: u16,
    closing: Arc<AtomicBool>,
}

impl Proxy {
    /// Listens on `port` for clients of the broker that listens on `broker`.
    pub fn start(port: u16, broker: u16, rules: &Rules) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let port = listener.local_addr()?.port();
        let (closing, rules) = (Arc::<AtomicBool>::default(), rules.clone());
        let closed = Arc::clone(&closing);
        std::thread::spawn(move || {
            for client in listener.incoming() {
                if closed.load(Ordering::Acquire) {
                    return;
                }
                // A broker that is down refuses, and so does its proxy.
                let Ok(client) = client else { continue };
                if let Ok(broker) = TcpStream::connect(("127.0.0.1", broker)) {
                    let _unusable = connect(client, broker, &rules);
                }
            }
        });
        Ok(Self { port, closing })
    }

    /// The port for clients.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        // Wakes the thread that waits for the next client.
        let _nobody_listens = TcpStream::connect(("127.0.0.1", self.port));
    }
}

/// Which request has which number, on one connection.
type Asked = Arc<Mutex<HashMap<i32, i16>>>;

fn connect(client: TcpStream, broker: TcpStream, rules: &Rules) -> io::Result<()> {
    client.set_nodelay(true)?;
    broker.set_nodelay(true)?;
    let asked = Asked::default();
    let (from, to) = (client.try_clone()?, broker.try_clone()?);
    let (the_asked, the_rules) = (Arc::clone(&asked), rules.clone());
    std::thread::spawn(move || {
        let _broken = requests(&from, &to, &the_asked, &the_rules);
        let _closed_already = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
    let rules = rules.clone();
    std::thread::spawn(move || {
        if let Ok(Closes::Both) = answers(&broker, &client, &asked, &rules) {
            let _closed_already = broker.shutdown(Shutdown::Both);
        }
        // The broker's side stays open: a request may still be held back for it.
        let _closed_already = client.shutdown(Shutdown::Both);
    });
    Ok(())
}

fn requests(mut client: &TcpStream, mut broker: &TcpStream, asked: &Asked, rules: &Rules) -> io::Result<()> {
    while let Some(frame) = Frame::read(&mut client)? {
        match rules.act(Way::Request, frame.api()) {
            Some(Act::Drop) => continue,
            Some(Act::Cut) => return Ok(()),
            Some(Act::Delay(time)) => hold(time),
            None => {}
        }
        asked.lock().unwrap_or_else(PoisonError::into_inner).insert(frame.request_number(), frame.api());
        broker.write_all(frame.bytes())?;
    }
    Ok(())
}

enum Closes {
    Client,
    Both,
}

fn answers(
    mut broker: &TcpStream,
    mut client: &TcpStream,
    asked: &Asked,
    rules: &Rules,
) -> io::Result<Closes> {
    while let Some(frame) = Frame::read(&mut broker)? {
        let api = asked.lock().unwrap_or_else(PoisonError::into_inner).remove(&frame.answer_number());
        match api.and_then(|api| rules.act(Way::Answer, api)) {
            Some(Act::Drop) => continue,
            Some(Act::Cut) => return Ok(Closes::Both),
            Some(Act::Delay(time)) => hold(time),
            None => {}
        }
        client.write_all(frame.bytes())?;
    }
    Ok(Closes::Client)
}

fn hold(milliseconds: u64) {
    std::thread::sleep(Duration::from_millis(milliseconds));
}
