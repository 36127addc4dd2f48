//! A small HTTP server on this machine that does what it is told, honest or not.
#![allow(dead_code, missing_docs, unreachable_pub, reason = "each test uses a part")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` or `CONNECT`.
    pub method: String,
    /// What was asked for.
    pub path: String,
    /// First byte of the range, if one was asked for.
    pub from: Option<usize>,
    /// Version that the range belongs to.
    pub if_range: Option<String>,
}

/// What the server does with a request.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Said instead of the body's length; `None` says nothing of it.
    pub length: Option<usize>,
    /// Stops after so many bytes of the body.
    pub stop_after: Option<usize>,
    /// Waits so long then, before the connection is closed.
    pub stall: Duration,
}

impl Reply {
    pub fn new(status: u16, body: &[u8]) -> Self {
        let (headers, body) = (Vec::new(), body.to_vec());
        Self { status, headers, length: Some(body.len()), body, stop_after: None, stall: Duration::ZERO }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// An honest answer about a file of a version: its rest where the version still is the one asked for.
    pub fn file(request: &Request, body: &[u8], version: &str) -> Self {
        match request.from {
            Some(from) if request.if_range.as_deref().is_none_or(|asked| asked == version) => {
                if from >= body.len() {
                    return Self::new(416, b"").header("Content-Range", &format!("bytes */{}", body.len()));
                }
                let range = format!("bytes {from}-{}/{}", body.len() - 1, body.len());
                Self::new(206, &body[from..]).header("Content-Range", &range).header("ETag", version)
            }
            _ => Self::new(200, body).header("ETag", version),
        }
    }

    pub fn stopping_after(mut self, bytes: usize) -> Self {
        self.stop_after = Some(bytes);
        self
    }
}

/// A server that lives as long as the test's process.
pub struct Server {
    pub address: String,
    seen: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// Answers the requests, numbered from 0, as `answer` says.
    pub fn start(answer: impl Fn(usize, &Request) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (record, answer) = (Arc::clone(&seen), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let note = |request: &Request| {
                    let mut seen = record.lock().unwrap();
                    seen.push(request.clone());
                    seen.len() - 1
                };
                let mut request = read(&stream);
                let mut number = note(&request);
                if request.method == "CONNECT" {
                    // As a proxy that is the server behind it, too.
                    stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
                    request = read(&stream);
                    number = note(&request);
                }
                let answer = Arc::clone(&answer);
                // The client may hang up in the middle; that is its right.
                std::thread::spawn(move || {
                    let _ = write(&mut stream, &answer(number, &request));
                });
            }
        });
        Self { address, seen }
    }

    /// The requests so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Request {
    let mut request = Request::default();
    for (number, line) in BufReader::new(stream).lines().enumerate() {
        let Ok(line) = line else { break };
        if line.is_empty() {
            break;
        }
        if number == 0 {
            let mut words = line.split(' ').map(str::to_owned);
            request.method = words.next().unwrap_or_default();
            request.path = words.next().unwrap_or_default();
        }
        let Some((name, value)) = line.split_once(": ") else { continue };
        match name.to_lowercase().as_str() {
            "range" => {
                request.from = value.trim_start_matches("bytes=").trim_end_matches('-').parse().ok();
            }
            "if-range" => request.if_range = Some(value.to_owned()),
            _ => {}
        }
    }
    request
}

fn write(stream: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", reply.status);
    for (name, value) in &reply.headers {
        head += &format!("{name}: {value}\r\n");
    }
    if let Some(length) = reply.length {
        head += &format!("Content-Length: {length}\r\n");
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    let count = reply.stop_after.unwrap_or(reply.body.len()).min(reply.body.len());
    stream.write_all(&reply.body[..count])?;
    stream.flush()?;
    std::thread::sleep(reply.stall);
    Ok(())
}
