//! The hub's protocol: what a file is (`HEAD`: checksum, size, where it lies), and its bytes (`GET`, continued by range).

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;
use std::time::Duration;

use ureq::http::Response;
use ureq::{Agent, Body};

use super::{Kind, Repo, Settings};
use crate::error::{Error, Result};
use crate::retry;
use crate::rng::Seed;

type Asking = ureq::RequestBuilder<ureq::typestate::WithoutBody>;

/// What the hub says about a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Where it is asked for; the bytes may come from another host.
    pub url: String,
    /// Checksum, which is also the name in the cache.
    pub etag: String,
    /// Bytes.
    pub size: Option<u64>,
}

/// Connections to the hub.
#[derive(Debug)]
pub struct Client {
    settings: Settings,
    /// Stops at redirects: the hub's own answer has the checksum, the redirect's target does not.
    near: Agent,
    /// Follows redirects; the token goes to the first host only.
    far: Agent,
}

/// Most redirects within the hub itself (renamed repositories, its own cache).
const NEAR_REDIRECTS: usize = 5;

impl Client {
    pub fn new(settings: &Settings) -> Self {
        let agent = |redirects| {
            let wait = Some(Duration::from_secs_f64(settings.timeout.max(0.001)));
            let config = Agent::config_builder()
                .user_agent(concat!("howard/", env!("CARGO_PKG_VERSION")))
                .http_status_as_error(false)
                .max_redirects(redirects)
                .max_redirects_will_error(false)
                .timeout_connect(wait)
                .timeout_recv_response(wait)
                .timeout_per_read(wait);
            config.build().into()
        };
        Self { settings: settings.clone(), near: agent(0), far: agent(10) }
    }

    /// The listing of a revision as JSON, and its address.
    pub fn listing(&self, repo: &Repo) -> Result<(String, String)> {
        let kind = match repo.kind {
            Kind::Model => "models",
            Kind::Dataset => "datasets",
        };
        let base = self.settings.endpoint.trim_end_matches('/');
        let revision = quoted(&repo.revision, "");
        let url = format!("{base}/api/{kind}/{}/revision/{revision}", repo.id);
        let mut attempt = 1;
        loop {
            let mut response = self.send(&url, || self.authorised(self.far.get(&url)).call())?;
            if let Some(error) = self.refused(&url, repo, &response) {
                return Err(error);
            }
            match response.body_mut().with_config().limit(1 << 28).read_to_string() {
                Ok(text) => return Ok((url, text)),
                Err(e) if attempt >= self.settings.attempts => {
                    return Err(Error::data(url, format!("the answer broke off: {e}")));
                }
                Err(_) => self.pause(attempt, None, url.len() as u64),
            }
            attempt += 1;
        }
    }

    /// What the hub says about a file of a commit.
    pub fn head(&self, repo: &Repo, commit: &str, name: &str) -> Result<Head> {
        let base = self.settings.endpoint.trim_end_matches('/');
        let prefix = if repo.kind == Kind::Dataset { "datasets/" } else { "" };
        let name = quoted(name, "/");
        let asked = format!("{base}/{prefix}{}/resolve/{}/{name}", repo.id, quoted(commit, ""));
        let mut url = asked.clone();
        let (mut etag, mut size, mut stated) = (None, None, None);
        for _ in 0..=NEAR_REDIRECTS {
            let response = self.send(&url, || self.authorised(self.near.head(&url)).call())?;
            if let Some(error) = self.refused(&url, repo, &response) {
                return Err(error);
            }
            let header = |name: &str| response.headers().get(name)?.to_str().ok();
            stated = stated.or_else(|| header("x-repo-commit").map(String::from));
            etag = etag.or_else(|| header("x-linked-etag").map(tag));
            size = size.or_else(|| header("x-linked-size")?.parse().ok());
            let near = header("location").filter(|to| to.starts_with('/'));
            match (response.status().is_redirection(), near) {
                (true, Some(to)) => url = format!("{}{to}", host(base)),
                (true, None) => break,
                (false, _) => {
                    etag = etag.or_else(|| header("etag").map(tag));
                    size = size.or_else(|| header("content-length")?.parse().ok());
                    break;
                }
            }
        }
        if repo.pinned() && stated.as_deref().is_some_and(|stated| stated != commit) {
            let stated = stated.unwrap_or_default();
            let problem =
                format!("the server answers for commit {stated} instead of the one asked for");
            return Err(Error::data(asked, problem));
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        match etag.filter(|etag| !etag.is_empty() && etag.chars().all(plain)) {
            Some(etag) => Ok(Head { url, etag, size }),
            None => {
                let problem = "the server names no checksum (ETag): is this address a hub?";
                Err(Error::data(asked, problem))
            }
        }
    }

    /// Brings the bytes into `part`, after those that are there already. What has arrived stays when the connection is
    /// cut, and the next attempt asks for the rest only.
    pub fn download(&self, head: &Head, part: &Path, report: &mut dyn FnMut(u64)) -> Result<()> {
        let failed = |e: std::io::Error| match e.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                let problem =
                    "the disk is full; what has arrived is kept: free some space and run it again";
                Error::file(part, problem)
            }
            _ => Error::io(part, e),
        };
        let mut file = OpenOptions::new().create(true).append(true).open(part).map_err(failed)?;
        let mut fruitless = 0;
        loop {
            let mut at = file.metadata().map_err(failed)?.len();
            if head.size.is_some_and(|size| at > size) {
                file.set_len(0).map_err(failed)?;
                at = 0;
            }
            report(at);
            if at > 0 && Some(at) == head.size {
                return file.sync_all().map_err(failed);
            }
            let range = format!("bytes={at}-");
            let request = || {
                let request = self.authorised(self.far.get(&head.url));
                if at > 0 { request.header("Range", &range).call() } else { request.call() }
            };
            let mut response = self.send(&head.url, request)?;
            let status = response.status().as_u16();
            let begins = response.headers().get("content-range").and_then(|v| v.to_str().ok());
            let continues = begins.is_some_and(|v| v.starts_with(&format!("bytes {at}-")));
            match status {
                206 if continues => {}
                // A server that knows no ranges sends all of it.
                200 if at > 0 => {
                    file.set_len(0).map_err(failed)?;
                    at = 0;
                }
                200 => {}
                // What is here is of no use to the server: from the beginning.
                206 | 416 if at > 0 && fruitless < self.settings.attempts => {
                    file.set_len(0).map_err(failed)?;
                    fruitless += 1;
                    continue;
                }
                _ => {
                    let problem = format!("the server answers {status}{}", said(&response));
                    return Err(Error::data(&head.url, problem));
                }
            }
            let begun = at;
            let cut = match copy(&mut response, &mut file, &mut at, report).map_err(failed)? {
                None if head.size.is_none_or(|size| at == size) => {
                    return file.sync_all().map_err(failed);
                }
                None => "it ended early".to_string(),
                Some(reason) => reason,
            };
            fruitless = if at > begun { 0 } else { fruitless + 1 };
            if fruitless >= self.settings.attempts {
                let problem = format!(
                    "the connection broke off {fruitless} times in a row ({cut}); what has arrived is kept: run it again \
                     to go on"
                );
                return Err(Error::data(&head.url, problem));
            }
            self.pause(fruitless, None, head.url.len() as u64);
        }
    }

    fn authorised(&self, request: Asking) -> Asking {
        // Bytes as they are: a compressed answer has neither the size nor the ranges of the file.
        let request = request.header("Accept-Encoding", "identity");
        match self.settings.token.get() {
            Some(token) => request.header("Authorization", format!("Bearer {token}")),
            None => request,
        }
    }

    /// Sends a request until it is answered: by anything but "later" (429) and "not now" (5xx).
    fn send(
        &self,
        url: &str,
        request: impl Fn() -> std::result::Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>> {
        let mut attempt = 1;
        loop {
            let (reason, wait) = match request() {
                Ok(response) => {
                    let status = response.status().as_u16();
                    if retry::reaction(status) != retry::Reaction::Retry || status < 400 {
                        return Ok(response);
                    }
                    let header = |name: &str| response.headers().get(name)?.to_str().ok();
                    let wait = header("retry-after")
                        .and_then(|value| retry::retry_after(value, header("date")));
                    (format!("the server answers {status}{}", said(&response)), wait)
                }
                Err(e) if nobody(&e) => {
                    let problem = format!(
                        "no answer: {e} (is there a network? with HF_HUB_OFFLINE=1 only the cache is used)"
                    );
                    return Err(Error::data(url, problem));
                }
                Err(e) => (format!("no answer: {e}"), None),
            };
            let too_long = wait.filter(|&wait| wait > self.settings.longest_wait);
            if attempt >= self.settings.attempts || too_long.is_some() {
                let asked =
                    wait.map_or_else(String::new, |w| format!(", it asks to wait {w:.0} s"));
                return Err(Error::data(url, format!("{reason}{asked}: try again later")));
            }
            self.pause(attempt, wait, url.len() as u64);
            attempt += 1;
        }
    }

    fn pause(&self, attempt: u32, asked: Option<f64>, salt: u64) {
        let (base, most) = (self.settings.backoff, self.settings.longest_wait);
        let seconds = retry::delay(attempt.max(1), base, most, asked, Seed(salt).named("hub"));
        std::thread::sleep(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0)));
    }

    /// The sentence for an answer that refuses.
    fn refused(&self, url: &str, repo: &Repo, response: &Response<Body>) -> Option<Error> {
        let status = response.status().as_u16();
        if status < 400 {
            return None;
        }
        let code = response.headers().get("x-error-code").and_then(|v| v.to_str().ok());
        let hint = match (status, code.unwrap_or_default()) {
            (401 | 403, "GatedRepo") => format!(
                "accept its terms at {}/{} and set HF_TOKEN to a token of that account",
                self.settings.endpoint, repo.id
            ),
            (401, _) if self.settings.token.get().is_none() => {
                "there is no such repository, or it is private: check the name, or set HF_TOKEN"
                    .into()
            }
            (401 | 403, _) => "the token does not open it: check the name, and HF_TOKEN".into(),
            (404, "RevisionNotFound") => format!("there is no revision '{}'", repo.revision),
            (404, "EntryNotFound") => "there is no such file at this revision".into(),
            (404, _) => "there is no such repository, revision or file: check the name".into(),
            _ => "see what the address says in a browser".into(),
        };
        let problem = format!("the server answers {status}{}: {hint}", said(response));
        Some(Error::data(url, problem))
    }
}

/// Copies a body behind what a file has; the inner value says why it ended early.
fn copy(
    response: &mut Response<Body>,
    file: &mut File,
    at: &mut u64,
    report: &mut dyn FnMut(u64),
) -> std::io::Result<Option<String>> {
    let mut reader = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = match reader.read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Ok(Some(e.to_string())),
        };
        file.write_all(&buffer[..read])?;
        *at += read as u64;
        report(*at);
    }
}

/// Whether nobody listens: trying again at once is of no use.
fn nobody(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed | ureq::Error::BadUri(_) => true,
        ureq::Error::Io(e) => {
            // The standard library has no kind for a name that cannot be resolved.
            e.to_string().contains("lookup address")
                || matches!(
                    e.kind(),
                    ErrorKind::ConnectionRefused
                        | ErrorKind::HostUnreachable
                        | ErrorKind::NetworkUnreachable
                )
        }
        _ => false,
    }
}

/// The message that the hub puts into a header, in parentheses.
fn said(response: &Response<Body>) -> String {
    let message = response.headers().get("x-error-message").and_then(|v| v.to_str().ok());
    message.map_or_else(String::new, |m| format!(" ({})", m.trim_end_matches('.')))
}

/// A tag without quotes and weakness mark.
fn tag(etag: &str) -> String {
    etag.trim_start_matches("W/").trim_matches('"').to_string()
}

/// Scheme and host of an address.
fn host(url: &str) -> &str {
    let begin = url.find("://").map_or(0, |at| at + 3);
    let end = url[begin..].find('/').map_or(url.len(), |at| begin + at);
    &url[..end]
}

/// Percent-encoded, as a part of an address; the characters of `keep` stay.
fn quoted(text: &str, keep: &str) -> String {
    let mut quoted = String::with_capacity(text.len());
    for byte in text.bytes() {
        let c = char::from(byte);
        if c.is_ascii_alphanumeric() || "-_.~".contains(c) || keep.contains(c) {
            quoted.push(c);
        } else {
            quoted.push_str(&format!("%{byte:02X}"));
        }
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_quoted_as_the_hub_wants_them() {
        assert_eq!(quoted("refs/pr/1", ""), "refs%2Fpr%2F1");
        assert_eq!(quoted("data/a b+c.json", "/"), "data/a%20b%2Bc.json");
        assert_eq!(host("https://hub.example/mirror/hf"), "https://hub.example");
        assert_eq!(host("http://127.0.0.1:80"), "http://127.0.0.1:80");
        assert_eq!(tag("W/\"abc\""), "abc");
    }
}
