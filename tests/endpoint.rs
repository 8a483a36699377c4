//! The endpoint sampler against a server that misbehaves in every way that was seen.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use howard::chat::ChatTemplate;
use howard::rng::Seed;
use howard::sample::Sampler;
use howard::sample::openai::{Api, Endpoint, Key, OpenAi, Spent};
use howard::types::{Completion, Finish, Message, ProblemId, Request, SamplingParams};
use serde_json::{Value, json};

use crate::server::{Asked, Reply, Server};

fn requests(problems: usize, samples: u32) -> Vec<Request> {
    (0..problems)
        .map(|i| Request {
            problem: ProblemId(format!("b:{i}")),
            messages: vec![Message::user(format!("problem {i}"))],
            samples: (0..samples).collect(),
            params: SamplingParams::default(),
            seed: 3,
        })
        .collect()
}

fn endpoint(server: &Server) -> Endpoint {
    Endpoint {
        url: format!("{}/v1", server.address),
        model: "m".into(),
        backoff: 0.001,
        max_backoff: 0.02,
        attempts: 40,
        timeout: 0.4,
        ..Endpoint::default()
    }
}

fn answer(asked: &Asked) -> Reply {
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let n = body["n"].as_u64().unwrap_or(1);
    let said = body["messages"][0]["content"].as_str().unwrap();
    let choices: Vec<Value> = (0..n)
        .map(|_| json!({"message": {"role": "assistant", "content": format!("re: {said}")}, "finish_reason": "stop"}))
        .collect();
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 7 * n});
    Reply::new(200, json!({"choices": choices, "usage": usage}).to_string())
}

fn sample(sampler: &mut OpenAi, requests: &[Request]) -> howard::error::Result<Vec<Completion>> {
    let mut all = Vec::new();
    sampler.sample(requests, &mut |completion| {
        all.push(completion);
        Ok(())
    })?;
    Ok(all)
}

fn assert_each_once(all: &[Completion], problems: usize, samples: u32) {
    let mut times: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    for c in all {
        *times.entry((c.problem.0.as_str(), c.sample)).or_default() += 1;
        assert_eq!(c.finish, Finish::Stop, "{}", c.text);
        assert_eq!(c.text, format!("re: problem {}", &c.problem.0[2..]));
    }
    assert_eq!(times.len(), problems * samples as usize);
    assert!(times.values().all(|&n| n == 1));
}

#[test]
fn with_faults_in_a_third_of_the_requests_every_completion_arrives_exactly_once() {
    let counter = Mutex::new(0u64);
    let kinds = std::sync::Arc::new(Mutex::new(HashMap::<u64, u64>::new()));
    let seen = std::sync::Arc::clone(&kinds);
    let server = Server::start(move |asked| {
        let number = {
            let mut counter = counter.lock().unwrap();
            *counter += 1;
            *counter
        };
        let good = answer(asked);
        let random = Seed(11).index(number);
        if random.uniform(0) >= 0.3 {
            return good;
        }
        let kind = random.word(1) % 8;
        *seen.lock().unwrap().entry(kind).or_default() += 1;
        match kind {
            0 => Reply::new(429, "{\"error\": {\"message\": \"slow down\"}}")
                .with("Retry-After", "0"),
            1 => Reply::new(500, "oops"),
            2 => Reply { cut: Some(good.body.len() / 2), ..good },
            3 => Reply { cut: Some(0), ..good },
            // Longer than the client waits.
            4 => Reply { wait: Duration::from_millis(700), ..good },
            5 => Reply::new(200, "{\"choices\": [{\"mess"),
            6 => Reply::new(200, "{\"choices\": []}"),
            _ => Reply::new(503, ""),
        }
    });
    let mut sampler = OpenAi::new(endpoint(&server), Key::default(), None).unwrap();
    let all = sample(&mut sampler, &requests(150, 2)).unwrap();
    assert_each_once(&all, 150, 2);
    let kinds = kinds.lock().unwrap();
    assert_eq!(kinds.len(), 8, "every kind of fault happened: {kinds:?}");
    let spent = sampler.spent();
    assert_eq!(spent.retries, kinds.values().sum::<u64>());
    assert_eq!(spent.requests, 150 + spent.retries);
    assert_eq!(spent.completion_tokens, 150 * 14);
    assert!(server.most.load(std::sync::atomic::Ordering::SeqCst) <= 16 + 6, "bounded concurrency");
}

#[test]
fn a_server_that_refuses_n_or_answers_with_fewer_is_asked_one_by_one() {
    for refuse in [true, false] {
        let server = Server::start(move |asked| {
            let mut body: Value = serde_json::from_str(&asked.body).unwrap();
            if body["n"].is_null() || !refuse {
                body["n"] = json!(1);
                return answer(&Asked { body: body.to_string(), ..asked.clone() });
            }
            Reply::new(422, "{\"detail\": \"Unexpected fields in the request: n\"}")
        });
        let settings = Endpoint { concurrency: 3, ..endpoint(&server) };
        let mut sampler = OpenAi::new(settings, Key::default(), None).unwrap();
        assert_each_once(&sample(&mut sampler, &requests(20, 4)).unwrap(), 20, 4);
        // At most one request per thread is spent on finding out.
        assert!(server.count() <= 80 + 3, "{}", server.count());
        assert!(server.most.load(std::sync::atomic::Ordering::SeqCst) <= 3);
    }
}

#[test]
fn retry_after_is_honoured() {
    let first = Mutex::new(None);
    let server = Server::start(move |asked| {
        if first.lock().unwrap().replace(()).is_none() {
            return Reply::new(429, "").with("Retry-After", "1");
        }
        answer(asked)
    });
    let started = Instant::now();
    let mut sampler = OpenAi::new(endpoint(&server), Key::default(), None).unwrap();
    assert_each_once(&sample(&mut sampler, &requests(1, 1)).unwrap(), 1, 1);
    assert!(started.elapsed() >= Duration::from_secs(1));
}

#[test]
fn wrong_keys_and_addresses_stop_the_call_and_refused_samples_only_themselves() {
    let server = Server::start(|_| Reply::new(401, "{\"error\": {\"message\": \"bad key\"}}"));
    let key = Key::new(Some("sk-secret\n".into()));
    assert_eq!(format!("{key:?}"), "Key(set)");
    let mut sampler = OpenAi::new(endpoint(&server), key, None).unwrap();
    assert!(!format!("{sampler:?}").contains("secret"));
    let message = sample(&mut sampler, &requests(50, 1)).unwrap_err().to_string();
    assert!(message.contains("the server answers 401: bad key (is the key"), "{message}");
    assert!(!message.contains("secret"));
    assert!(server.count() <= 16, "nobody goes on asking: {}", server.count());
    let sent = server.log.lock().unwrap()[0].header("authorization").map(String::from);
    assert_eq!(sent.as_deref(), Some("Bearer sk-secret"));

    let nobody = Endpoint {
        url: "http://127.0.0.1:9/v1".into(),
        model: "m".into(),
        attempts: 2,
        backoff: 0.001,
        ..Endpoint::default()
    };
    let mut sampler = OpenAi::new(nobody, Key::default(), None).unwrap();
    let message = sample(&mut sampler, &requests(3, 1)).unwrap_err().to_string();
    assert!(message.starts_with("http://127.0.0.1:9/v1: no answer: "), "{message}");

    let server = Server::start(|asked| match asked.body.contains("problem 2") {
        true => Reply::new(400, "{\"message\": \"maximum context length\"}"),
        false => answer(asked),
    });
    let mut sampler = OpenAi::new(endpoint(&server), Key::default(), None).unwrap();
    let all = sample(&mut sampler, &requests(5, 2)).unwrap();
    assert_eq!(all.len(), 10);
    for c in all {
        let failed = c.problem.0 == "b:2";
        assert_eq!(c.finish == Finish::Error, failed);
        assert!(
            !failed || c.text == "the server answers 400: maximum context length",
            "{}",
            c.text
        );
    }
    assert_eq!(sampler.spent().failed, 2);
}

#[test]
fn an_error_of_the_sink_ends_the_call() {
    let server = Server::start(answer);
    let mut sampler = OpenAi::new(endpoint(&server), Key::default(), None).unwrap();
    let mut arrived = 0;
    let outcome = sampler.sample(&requests(400, 1), &mut |_| {
        arrived += 1;
        Err(howard::error::Error::data("disk", "full"))
    });
    assert_eq!(outcome.unwrap_err().to_string(), "disk: full");
    assert_eq!(arrived, 1);
    assert!(server.count() < 200);
}

/// `/completions`, as vLLM and OpenAI's reference have it: the conversation as one text, `logprobs` as a number, the
/// log-probabilities of the drawn tokens as a list.
#[test]
fn completions_are_asked_with_a_rendered_prompt_and_bring_log_probabilities() {
    let server = Server::start(|asked| {
        assert_eq!(asked.path, "/v1/completions");
        let body: Value = serde_json::from_str(&asked.body).unwrap();
        assert_eq!(body["logprobs"], 1);
        assert!(body["messages"].is_null());
        let said = body["prompt"].as_str().unwrap();
        let choices: Vec<Value> = (0..body["n"].as_u64().unwrap_or(1))
            .map(|_| {
                json!({"text": said, "finish_reason": "length", "logprobs":
                    {"tokens": ["a", "b"], "token_logprobs": [-0.25, -1.5], "top_logprobs": null}})
            })
            .collect();
        let usage = json!({"prompt_tokens": 11, "completion_tokens": 2 * choices.len()});
        Reply::new(200, json!({"choices": choices, "usage": usage}).to_string())
    });
    let settings = Endpoint {
        api: Api::Completions,
        logprobs: true,
        prompt_price: 2.0,
        completion_price: 8.0,
        ..endpoint(&server)
    };
    let message = OpenAi::new(settings.clone(), Key::default(), None).unwrap_err().to_string();
    assert!(message.contains("endpoint.template"), "{message}");
    let chatml = "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}<|assistant|>";
    let template = ChatTemplate::new(chatml, "", "").unwrap();
    let mut sampler = OpenAi::new(settings, Key::default(), Some(template)).unwrap();
    let all = sample(&mut sampler, &requests(3, 2)).unwrap();
    assert_eq!(all.len(), 6);
    for c in &all {
        assert_eq!(c.text, format!("<|user|>problem {}<|assistant|>", &c.problem.0[2..]));
        assert_eq!(c.logprobs, Some(vec![-0.25, -1.5]));
        assert_eq!((c.finish, c.usage.unwrap().completion), (Finish::Length, 2));
    }
    // 3 requests of 11 + 4 tokens at 2 and 8 for a million: (33 * 2 + 12 * 8) / 10^6.
    let spent = sampler.spent();
    assert_eq!((spent.prompt_tokens, spent.completion_tokens), (33, 12));
    assert!((spent.cost - 162e-6).abs() < 1e-12, "{}", spent.cost);
    // A resumed run counts on.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spent.json");
    spent.add_to(&path).unwrap();
    let twice: Spent = spent.add_to(&path).unwrap();
    assert_eq!((twice.requests, twice.completion_tokens), (6, 24));
    std::fs::write(&path, "no").unwrap();
    assert!(spent.add_to(&path).unwrap_err().to_string().contains("is not a count of requests"));
}
