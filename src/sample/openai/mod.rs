//! Any OpenAI-compatible server as a [`Sampler`]: bounded concurrency, retries, timeouts, token and cost counts.
//!
//! Blocking requests on a few threads: for a few hundred connections that is as fast as an event loop, and much less
//! to carry. Every sample arrives exactly once: it belongs to one job, and a job is either answered or put back.

mod wire;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use ureq::Agent;

use super::Sampler;
pub use super::endpoint::{Api, Endpoint, Key};
use crate::chat::ChatTemplate;
use crate::disk;
use crate::error::{Error, Result};
use crate::retry::{self, Reaction};
use crate::rng::Seed;
use crate::types::{Completion, Finish, PolicyVersion, Request, Usage};

/// What was asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    /// Requests that were sent, repeated ones included.
    pub requests: u64,
    /// Of these, repeated ones.
    pub retries: u64,
    /// Samples that failed for good.
    pub failed: u64,
    /// Tokens of prompts, as the server counts them.
    pub prompt_tokens: u64,
    /// Tokens of completions, as the server counts them.
    pub completion_tokens: u64,
    /// Cost in the currency of the prices.
    pub cost: f64,
}

impl Spent {
    /// Adds what a process spent to the file of its run, so that a resumed run counts everything that was recorded.
    ///
    /// # Errors
    /// The file cannot be read or written.
    pub fn add_to(&self, path: &Path) -> Result<Self> {
        let before = match path.exists() {
            true => serde_json::from_str(&disk::read_text(path)?)
                .map_err(|e| Error::file(path, format!("is not a count of requests: {e}")))?,
            false => Self::default(),
        };
        let total = Self {
            requests: before.requests + self.requests,
            retries: before.retries + self.retries,
            failed: before.failed + self.failed,
            prompt_tokens: before.prompt_tokens + self.prompt_tokens,
            completion_tokens: before.completion_tokens + self.completion_tokens,
            cost: before.cost + self.cost,
        };
        let text = serde_json::to_string_pretty(&total)
            .map_err(|e| Error::file(path, format!("cannot be written as JSON: {e}")))?;
        disk::write_atomic(path, (text + "\n").as_bytes())?;
        Ok(total)
    }
}

/// The sampler.
#[derive(Debug)]
pub struct OpenAi {
    endpoint: Endpoint,
    key: Key,
    template: Option<ChatTemplate>,
    agent: Agent,
    spent: Spent,
}

/// Some samples of one request, asked for together.
#[derive(Debug)]
struct Job {
    request: usize,
    samples: Vec<u32>,
}

enum Event {
    Done(Completion),
    Sent { again: bool },
    Tokens(Usage),
    Fatal(Error),
}

/// What the threads of one call share.
struct Shared<'a> {
    endpoint: &'a Endpoint,
    key: &'a Key,
    agent: &'a Agent,
    requests: &'a [Request],
    prompts: &'a [String],
    jobs: Mutex<VecDeque<Job>>,
    stop: AtomicBool,
    /// The server refuses `n`.
    single: AtomicBool,
    /// The server has answered once: what fails from now on is not a wrong address.
    reached: AtomicBool,
}

impl OpenAi {
    /// A sampler; `template` renders conversations for [`Api::Completions`].
    ///
    /// # Errors
    /// A setting is out of range; the template is missing where it is needed.
    pub fn new(endpoint: Endpoint, key: Key, template: Option<ChatTemplate>) -> Result<Self> {
        let web = endpoint.url.starts_with("http://") || endpoint.url.starts_with("https://");
        if !web {
            let problem = format!("'{}' is no address like http://localhost:8000/v1", endpoint.url);
            return Err(Error::config("endpoint", problem));
        }
        if endpoint.model.is_empty() {
            return Err(Error::config("model", "name the model that the endpoint serves"));
        }
        if endpoint.concurrency == 0 || endpoint.attempts == 0 {
            return Err(Error::config("endpoint", "concurrency and attempts must be at least 1"));
        }
        if !(endpoint.timeout > 0.0 && endpoint.backoff >= 0.0 && endpoint.max_backoff >= 0.0) {
            return Err(Error::config("endpoint", "timeout and backoff must be positive"));
        }
        if endpoint.api == Api::Completions && template.is_none() {
            let problem = "completions need a chat template: name a model that has one with endpoint.template";
            return Err(Error::config("api", problem));
        }
        let agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs_f64(endpoint.timeout)))
            .http_status_as_error(false)
            .max_idle_connections(endpoint.concurrency)
            .max_idle_connections_per_host(endpoint.concurrency)
            .build()
            .into();
        Ok(Self { endpoint, key, template, agent, spent: Spent::default() })
    }

    /// What was asked so far.
    pub fn spent(&self) -> Spent {
        self.spent
    }
}

impl Sampler for OpenAi {
    fn version(&self) -> PolicyVersion {
        PolicyVersion(0)
    }

    fn sample(
        &mut self,
        requests: &[Request],
        sink: &mut dyn FnMut(Completion) -> Result<()>,
    ) -> Result<()> {
        let prompts = requests
            .iter()
            .map(|request| {
                request.params.check()?;
                match &self.template {
                    Some(template) => template.render(&request.messages, true),
                    None => Ok(String::new()),
                }
            })
            .collect::<Result<Vec<String>>>()?;
        let jobs = requests.iter().enumerate().flat_map(|(index, request)| {
            let size = if self.endpoint.many { request.samples.len().max(1) } else { 1 };
            request.samples.chunks(size).map(move |s| Job { request: index, samples: s.to_vec() })
        });
        let shared = Shared {
            endpoint: &self.endpoint,
            key: &self.key,
            agent: &self.agent,
            requests,
            prompts: &prompts,
            jobs: Mutex::new(jobs.collect()),
            stop: AtomicBool::new(false),
            single: AtomicBool::new(false),
            reached: AtomicBool::new(self.spent.completion_tokens > 0),
        };
        let waiting = shared.jobs.lock().unwrap_or_else(PoisonError::into_inner).len();
        let mut outcome = Ok(());
        let spent = &mut self.spent;
        std::thread::scope(|scope| {
            let (sender, events) = mpsc::channel();
            // A job that is split for a server that refuses `n` is worked off by the thread that split it and by
            // every other that is still there.
            for _ in 0..self.endpoint.concurrency.min(waiting.max(1) * 8) {
                let (shared, sender) = (&shared, sender.clone());
                scope.spawn(move || shared.work(&sender));
            }
            drop(sender);
            for event in events {
                let step = match event {
                    Event::Done(completion) => {
                        spent.failed += u64::from(completion.finish == Finish::Error);
                        if outcome.is_ok() { sink(completion) } else { Ok(()) }
                    }
                    Event::Sent { again } => {
                        spent.requests += 1;
                        spent.retries += u64::from(again);
                        Ok(())
                    }
                    Event::Tokens(usage) => {
                        spent.prompt_tokens += u64::from(usage.prompt);
                        spent.completion_tokens += u64::from(usage.completion);
                        Ok(())
                    }
                    Event::Fatal(error) => Err(error),
                };
                if let Err(error) = step
                    && outcome.is_ok()
                {
                    shared.stop.store(true, Ordering::Relaxed);
                    outcome = Err(error);
                }
            }
        });
        #[allow(clippy::cast_precision_loss)]
        let millions = |tokens: u64| tokens as f64 / 1e6;
        spent.cost = self.endpoint.prompt_price * millions(spent.prompt_tokens)
            + self.endpoint.completion_price * millions(spent.completion_tokens);
        outcome
    }
}

/// Why an attempt failed.
struct Failure {
    reaction: Reaction,
    reason: String,
    /// Seconds that the server asked to wait.
    wait: Option<f64>,
}

impl Shared<'_> {
    fn work(&self, events: &Sender<Event>) {
        while !self.stop.load(Ordering::Relaxed) {
            let job = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(job) = job else { return };
            if job.samples.len() > 1 && self.single.load(Ordering::Relaxed) {
                self.split(&job);
                continue;
            }
            self.answer(&job, events);
        }
    }

    /// Puts the samples of a job back one by one, in front.
    fn split(&self, job: &Job) {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        for &sample in job.samples.iter().rev() {
            jobs.push_front(Job { request: job.request, samples: vec![sample] });
        }
    }

    fn answer(&self, job: &Job, events: &Sender<Event>) {
        let request = &self.requests[job.request];
        let body = wire::body(self.endpoint, request, &job.samples, &self.prompts[job.request])
            .to_string();
        let jitter = Seed(request.seed).named("jitter").named(&request.problem.0);
        let mut attempt = 1;
        let failure = loop {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let _ = events.send(Event::Sent { again: attempt > 1 });
            let started = Instant::now();
            match self.ask(&body) {
                Ok((choices, usage)) => {
                    self.reached.store(true, Ordering::Relaxed);
                    self.deliver(job, choices, usage, started.elapsed().as_secs_f64(), events);
                    return;
                }
                Err(failure) if failure.reaction != Reaction::Retry => break failure,
                Err(failure) if attempt >= self.endpoint.attempts => break failure,
                Err(failure) => {
                    let (base, most) = (self.endpoint.backoff, self.endpoint.max_backoff);
                    let seconds = retry::delay(attempt, base, most, failure.wait, jitter);
                    self.pause(seconds);
                    attempt += 1;
                }
            }
        };
        let refused = failure.reaction == Reaction::Refused;
        if refused && job.samples.len() > 1 {
            self.single.store(true, Ordering::Relaxed);
            self.split(job);
            return;
        }
        let unreachable = !refused && !self.reached.load(Ordering::Relaxed);
        if failure.reaction == Reaction::Stop || unreachable {
            self.stop.store(true, Ordering::Relaxed);
            let error = Error::data(&self.endpoint.url, failure.reason);
            let _ = events.send(Event::Fatal(error));
            return;
        }
        for &sample in &job.samples {
            let text = failure.reason.clone();
            let done = self.completion(request, sample, text, Finish::Error, 0.0);
            let _ = events.send(Event::Done(done));
        }
    }

    /// Sleeps in short steps, so that a call that was stopped ends soon.
    fn pause(&self, seconds: f64) {
        let until = Instant::now() + Duration::from_secs_f64(seconds.clamp(0.0, 86_400.0));
        while Instant::now() < until && !self.stop.load(Ordering::Relaxed) {
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(left.min(Duration::from_millis(100)));
        }
    }

    fn ask(&self, body: &str) -> std::result::Result<(Vec<wire::Choice>, Option<Usage>), Failure> {
        let path = match self.endpoint.api {
            Api::Chat => "chat/completions",
            Api::Completions => "completions",
        };
        let address = format!("{}/{path}", self.endpoint.url.trim_end_matches('/'));
        let again = |reason: String| Failure { reaction: Reaction::Retry, reason, wait: None };
        let mut request = self.agent.post(&address).header("Content-Type", "application/json");
        if let Some(key) = self.key.get() {
            request = request.header("Authorization", format!("Bearer {key}"));
        }
        let mut response = request.send(body).map_err(|e| again(format!("no answer: {e}")))?;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name)?.to_str().ok().map(String::from);
        let wait = header("retry-after")
            .and_then(|value| retry::retry_after(&value, header("date").as_deref()));
        let text = response
            .body_mut()
            .with_config()
            .limit(1 << 30)
            .read_to_string()
            .map_err(|e| again(format!("the answer broke off: {e}")))?;
        if status == 200 {
            return wire::parse(&text).map_err(again);
        }
        let said = serde_json::from_str(&text).map_or_else(
            |_| text.lines().next().unwrap_or_default().chars().take(200).collect(),
            |value| wire::message(&value),
        );
        let hint = match status {
            401 | 403 => " (is the key in the environment?)",
            404 => " (is the address right, up to /v1, and the model's name?)",
            _ => "",
        };
        let reason = format!("the server answers {status}: {said}{hint}");
        Err(Failure { reaction: retry::reaction(status), reason, wait })
    }

    fn deliver(
        &self,
        job: &Job,
        choices: Vec<wire::Choice>,
        usage: Option<Usage>,
        seconds: f64,
        events: &Sender<Event>,
    ) {
        if let Some(usage) = usage {
            let _ = events.send(Event::Tokens(usage));
        }
        let request = &self.requests[job.request];
        let answered = choices.len().min(job.samples.len());
        let share = u32::try_from(answered).unwrap_or(1).max(1);
        for (&sample, choice) in job.samples.iter().zip(choices) {
            let mut done = self.completion(request, sample, choice.text, choice.finish, seconds);
            // A server counts the completions of one request together.
            done.usage = usage
                .map(|u| Usage { prompt: u.prompt, completion: u.completion / share })
                .map(|u| match &choice.logprobs {
                    Some(l) => Usage { completion: u32::try_from(l.len()).unwrap_or(0), ..u },
                    None => u,
                });
            done.logprobs = choice.logprobs;
            let _ = events.send(Event::Done(done));
        }
        if answered < job.samples.len() {
            self.single.store(true, Ordering::Relaxed);
            self.split(&Job { request: job.request, samples: job.samples[answered..].to_vec() });
        }
    }

    fn completion(
        &self,
        request: &Request,
        sample: u32,
        text: String,
        finish: Finish,
        seconds: f64,
    ) -> Completion {
        Completion {
            problem: request.problem.clone(),
            sample,
            prompt_ids: Vec::new(),
            ids: Vec::new(),
            logprobs: None,
            usage: None,
            text,
            finish,
            version: PolicyVersion(0),
            seconds,
        }
    }
}
