//! What the proxy does to messages, before a stand-in for a broker that answers each request with its number.
#![expect(clippy::disallowed_methods, reason = "it waits for another thread")]

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use storm::{Act, Api, Proxy, Rule, Rules, Way};

/// The numbers of the requests that have reached it.
type Seen = Arc<Mutex<Vec<i32>>>;

fn serve(mut connection: TcpStream, seen: &Seen) {
    let mut length = [0; 4];
    while connection.read_exact(&mut length).is_ok() {
        let mut body = vec![0; u32::from_be_bytes(length) as usize];
        connection.read_exact(&mut body).expect("a whole request");
        let number = body[4..8].try_into().expect("four bytes");
        seen.lock().expect("seen").push(i32::from_be_bytes(number));
        let answered = connection.write_all(&[&4_u32.to_be_bytes()[..], &number].concat());
        if answered.is_err() {
            return;
        }
    }
}

fn stand_in() -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (port, seen) = (listener.local_addr().expect("an address").port(), Seen::default());
    let shared = Arc::clone(&seen);
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (connection, seen) = (connection.expect("a connection"), Arc::clone(&shared));
            std::thread::spawn(move || serve(connection, &seen));
        }
    });
    (port, seen)
}

struct Client(TcpStream);

impl Client {
    fn connect(proxy: &Proxy) -> Self {
        let connection = TcpStream::connect(("127.0.0.1", proxy.port())).expect("connected");
        connection.set_read_timeout(Some(Duration::from_secs(60))).expect("set");
        Client(connection)
    }

    fn ask(&mut self, api: Api, number: i32) {
        let mut body = (api as i16).to_be_bytes().to_vec();
        body.extend(3_i16.to_be_bytes());
        body.extend(number.to_be_bytes());
        body.extend(b"the rest");
        let length = u32::try_from(body.len()).expect("short").to_be_bytes();
        self.0.write_all(&[&length[..], &body].concat()).expect("asked");
    }

    /// The number of the next answer; none when the connection was closed.
    fn answer(&mut self) -> Option<i32> {
        let mut frame = [0; 8];
        match self.0.read_exact(&mut frame) {
            Ok(()) => Some(i32::from_be_bytes(frame[4..].try_into().expect("four bytes"))),
            Err(error) => {
                let silent = [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind());
                assert!(!silent, "neither an answer nor an end");
                None
            }
        }
    }
}

fn rule(way: Way, act: Act) -> Rule {
    Rule { api: Some(Api::EndTxn), way, act, times: 1 }
}

#[test]
fn a_message_is_dropped_and_the_others_pass() {
    let (broker, seen) = stand_in();
    let rules = Rules::default();
    let proxy = Proxy::start(0, broker, &rules).expect("it starts");
    let mut client = Client::connect(&proxy);
    client.ask(Api::EndTxn, 1);
    assert_eq!(client.answer(), Some(1), "no rule, no fault");

    let id = rules.add(rule(Way::Request, Act::Drop));
    for (api, number) in [(Api::Produce, 2), (Api::EndTxn, 3), (Api::EndTxn, 4)] {
        client.ask(api, number);
    }
    assert_eq!([client.answer(), client.answer()], [Some(2), Some(4)], "the first EndTxn is gone");
    assert_eq!(rules.remove(id), 1);
    assert_eq!(*seen.lock().expect("seen"), [1, 2, 4], "the broker never saw it");

    let id = rules.add(rule(Way::Answer, Act::Drop));
    for (api, number) in [(Api::EndTxn, 5), (Api::Produce, 6)] {
        client.ask(api, number);
    }
    assert_eq!(client.answer(), Some(6));
    assert_eq!(rules.remove(id), 1);
    assert_eq!(*seen.lock().expect("seen"), [1, 2, 4, 5, 6], "the broker did it");
}

#[test]
fn a_connection_is_cut_before_or_after_the_broker_has_done_it() {
    let (broker, seen) = stand_in();
    let rules = Rules::default();
    let proxy = Proxy::start(0, broker, &rules).expect("it starts");
    for (way, number) in [(Way::Request, 1), (Way::Answer, 2)] {
        let id = rules.add(rule(way, Act::Cut));
        let mut client = Client::connect(&proxy);
        client.ask(Api::EndTxn, number);
        assert_eq!(client.answer(), None, "closed");
        assert_eq!(rules.remove(id), 1);
    }
    assert_eq!(*seen.lock().expect("seen"), [2]);
    let mut client = Client::connect(&proxy);
    client.ask(Api::EndTxn, 3);
    assert_eq!(client.answer(), Some(3), "a new connection is fine");
}

#[test]
fn a_late_request_arrives_although_its_client_has_gone() {
    let (broker, seen) = stand_in();
    let rules = Rules::default();
    let proxy = Proxy::start(0, broker, &rules).expect("it starts");
    rules.add(rule(Way::Request, Act::Delay(500)));
    let mut client = Client::connect(&proxy);
    client.ask(Api::EndTxn, 1);
    drop(client);
    let begin = Instant::now();
    let mut other = Client::connect(&proxy);
    other.ask(Api::Produce, 2);
    assert_eq!(other.answer(), Some(2), "other connections are not held up");
    while seen.lock().expect("seen").len() < 2 {
        assert!(begin.elapsed() < Duration::from_secs(60), "it never came");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(*seen.lock().expect("seen"), [2, 1]);
}

#[test]
fn an_answer_comes_late() {
    let (broker, _) = stand_in();
    let rules = Rules::default();
    let proxy = Proxy::start(0, broker, &rules).expect("it starts");
    rules.add(Rule { api: None, way: Way::Answer, act: Act::Delay(300), times: 1 });
    let mut client = Client::connect(&proxy);
    let begin = Instant::now();
    client.ask(Api::Fetch, 1);
    assert_eq!(client.answer(), Some(1));
    assert!(begin.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_broker_that_is_down_refuses() {
    // Not one that the system gives to others.
    let port = lab::free_port().expect("a port");
    let proxy = Proxy::start(0, port, &Rules::default()).expect("it starts");
    assert_eq!(Client::connect(&proxy).answer(), None);
}
