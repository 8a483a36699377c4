//! A small HTTP server on this machine, for tests: every connection has a thread, every request goes to a function.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What a client asked.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Asked {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// What the server says.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Send only so many bytes of the body, then hang up.
    pub cut: Option<usize>,
    /// Wait first.
    pub wait: Duration,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into(), ..Self::default() }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

pub struct Server {
    pub address: String,
    pub log: Arc<Mutex<Vec<Asked>>>,
    /// Most requests under way at once.
    pub most: Arc<AtomicUsize>,
}

impl Server {
    pub fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let (most, now) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let answer = Arc::new(answer);
        let server = Self { address, log: Arc::clone(&log), most: Arc::clone(&most) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, most, now, answer) =
                    (Arc::clone(&log), Arc::clone(&most), Arc::clone(&now), Arc::clone(&answer));
                std::thread::spawn(move || {
                    while let Some(asked) = read(&stream) {
                        most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        log.lock().unwrap().push(asked.clone());
                        let reply = answer(&asked);
                        std::thread::sleep(reply.wait);
                        now.fetch_sub(1, Ordering::SeqCst);
                        if !write(&stream, &asked, &reply) {
                            break;
                        }
                    }
                });
            }
        });
        server
    }

    pub fn count(&self) -> usize {
        self.log.lock().unwrap().len()
    }
}

fn read(stream: &TcpStream) -> Option<Asked> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|&n| n > 0)?;
    let mut words = line.split_whitespace();
    let mut asked =
        Asked { method: words.next()?.into(), path: words.next()?.into(), ..Asked::default() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        asked.headers.push((name.into(), value.into()));
    }
    let length = asked.header("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8(body).ok()?;
    Some(asked)
}

/// Whether the connection stays open.
fn write(mut stream: &TcpStream, asked: &Asked, reply: &Reply) -> bool {
    let mut head =
        format!("HTTP/1.1 {} X\r\nContent-Length: {}\r\n", reply.status, reply.body.len());
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let body = if asked.method == "HEAD" { &[] } else { reply.body.as_slice() };
    let sent = &body[..reply.cut.unwrap_or(body.len()).min(body.len())];
    let whole = stream.write_all(head.as_bytes()).is_ok() && stream.write_all(sent).is_ok();
    let stays = whole && reply.cut.is_none();
    if !stays {
        let _ = stream.shutdown(std::net::Shutdown::Both);
    }
    stays
}
