//! What is said over the wire: requests as JSON, answers read leniently, because every server has its own dialect.

use serde_json::{Map, Value, json};

use super::{Api, Endpoint};
use crate::types::{Finish, Request, Role, Usage};

/// One answer of a server.
#[derive(Clone, Debug, PartialEq)]
pub struct Choice {
    /// The text.
    pub text: String,
    /// Why it ended.
    pub finish: Finish,
    /// Log-probability of each token, where the server gives them.
    pub logprobs: Option<Vec<f32>>,
}

/// The body of a request for `samples` of `request`; `prompt` is the rendered conversation (completions only).
pub fn body(endpoint: &Endpoint, request: &Request, samples: &[u32], prompt: &str) -> Value {
    let params = &request.params;
    let mut body = Map::new();
    body.insert("model".into(), json!(endpoint.model));
    match endpoint.api {
        Api::Chat => {
            let turns = request.messages.iter().map(|m| {
                let role = match m.role {
                    Role::System => "system",
                    Role::User => "user",
                    Role::Assistant => "assistant",
                };
                json!({"role": role, "content": m.content})
            });
            body.insert("messages".into(), turns.collect());
        }
        Api::Completions => {
            body.insert("prompt".into(), json!(prompt));
        }
    }
    body.insert(endpoint.limit_field.clone(), json!(params.max_tokens));
    body.insert("temperature".into(), json!(params.temperature));
    // 31 bits: some servers read the seed into a signed 32-bit integer.
    let seed = samples.first().map_or(0, |&s| request.sample_seed(s).0 >> 33);
    body.insert("seed".into(), json!(seed));
    // What is at its neutral value is not said: servers refuse fields that they do not know.
    if params.top_p < 1.0 {
        body.insert("top_p".into(), json!(params.top_p));
    }
    if params.top_k > 0 {
        body.insert("top_k".into(), json!(params.top_k));
    }
    if params.min_p > 0.0 {
        body.insert("min_p".into(), json!(params.min_p));
    }
    if !params.stop.is_empty() {
        body.insert("stop".into(), json!(params.stop));
    }
    if samples.len() > 1 {
        body.insert("n".into(), json!(samples.len()));
    }
    if endpoint.logprobs {
        let on = if endpoint.api == Api::Chat { json!(true) } else { json!(1) };
        body.insert("logprobs".into(), on);
    }
    Value::Object(body)
}

/// The choices of an answer and the tokens that were counted for all of them.
///
/// # Errors
/// What is missing, in words: the request is then repeated.
pub fn parse(text: &str) -> Result<(Vec<Choice>, Option<Usage>), String> {
    let answer: Value = serde_json::from_str(text).map_err(|_| {
        format!("the answer is not JSON: {}", text.chars().take(60).collect::<String>())
    })?;
    if let Some(error) = answer.get("error").filter(|e| !e.is_null()) {
        return Err(format!("the answer is an error: {}", message(error)));
    }
    let choices = answer.get("choices").and_then(Value::as_array);
    let choices = choices.ok_or("the answer has no choices")?;
    let choices: Vec<Choice> = choices.iter().map(choice).collect::<Result<_, _>>()?;
    if choices.is_empty() {
        return Err("the answer has no choices".into());
    }
    let count = |name: &str| {
        answer.pointer(&format!("/usage/{name}")).and_then(Value::as_u64)?.try_into().ok()
    };
    let usage = count("prompt_tokens")
        .zip(count("completion_tokens"))
        .map(|(prompt, completion)| Usage { prompt, completion });
    Ok((choices, usage))
}

fn choice(choice: &Value) -> Result<Choice, String> {
    let message = choice.get("message");
    let content = message.map_or_else(|| choice.get("text"), |m| m.get("content"));
    let thought = message
        .and_then(|m| m.get("reasoning_content").or_else(|| m.get("reasoning")))
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty());
    let mut text = match (content.and_then(Value::as_str), thought) {
        (Some(text), _) => text.to_string(),
        (None, Some(_)) => String::new(),
        (None, None) => return Err("a choice has no text".into()),
    };
    // What a server splits off is put back as the model wrote it.
    if let Some(thought) = thought {
        text = format!("<think>\n{thought}\n</think>\n\n{text}");
    }
    let finish = match choice.get("finish_reason").and_then(Value::as_str) {
        Some("length" | "max_tokens") => Finish::Length,
        Some("stop" | "eos" | "eos_token" | "end_turn" | "stop_sequence") | None => Finish::Stop,
        Some(other) => {
            text = format!("the server ended the answer: {other}");
            Finish::Error
        }
    };
    Ok(Choice { text, finish, logprobs: logprobs(choice) })
}

#[allow(clippy::cast_possible_truncation)]
fn logprobs(choice: &Value) -> Option<Vec<f32>> {
    let given = choice.get("logprobs")?;
    if let Some(tokens) = given.get("content").and_then(Value::as_array) {
        return tokens.iter().map(|t| Some(t.get("logprob")?.as_f64()? as f32)).collect();
    }
    let tokens = given.get("token_logprobs")?.as_array()?;
    tokens.iter().map(|t| Some(t.as_f64()? as f32)).collect()
}

/// The message of an error in any of the usual shapes, on one line of at most 200 characters.
pub fn message(error: &Value) -> String {
    let inner = [
        error.pointer("/error/message"),
        error.get("message"),
        error.get("detail"),
        error.get("error"),
    ];
    let text = match inner.into_iter().flatten().next().unwrap_or(error) {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{Message, ProblemId, SamplingParams};

    #[test]
    fn neutral_settings_are_not_said() {
        let request = Request {
            problem: ProblemId("b:1".into()),
            messages: vec![Message::user("1+1?")],
            samples: vec![0, 1],
            params: SamplingParams { max_tokens: 7, ..SamplingParams::default() },
            seed: 1,
        };
        let endpoint = Endpoint { model: "m".into(), ..Endpoint::default() };
        let one = body(&endpoint, &request, &[0], "");
        let keys: Vec<&str> = one.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["max_tokens", "messages", "model", "seed", "temperature"]);
        assert_eq!(body(&endpoint, &request, &[0, 1], "")["n"], 2);
        assert!(one["seed"].as_u64().unwrap() < 1 << 31);
        assert_ne!(one["seed"], body(&endpoint, &request, &[1], "")["seed"]);
    }

    /// Shapes as documented in OpenAI's API reference (chat completions, completions, log-probabilities).
    #[test]
    fn answers_of_both_kinds_are_read() {
        let chat = r#"{"choices": [{"index": 0, "finish_reason": "length", "message": {"role": "assistant",
            "content": "4"}, "logprobs": {"content": [{"token": "4", "logprob": -0.5}]}}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4}}"#;
        let (choices, usage) = parse(chat).unwrap();
        assert_eq!(choices[0].finish, Finish::Length);
        assert_eq!(choices[0].logprobs, Some(vec![-0.5]));
        assert_eq!(usage, Some(Usage { prompt: 3, completion: 1 }));
        let plain = r#"{"choices": [{"text": "4", "finish_reason": "stop",
            "logprobs": {"token_logprobs": [-1.0]}}]}"#;
        assert_eq!(parse(plain).unwrap().0[0].logprobs, Some(vec![-1.0]));
        let thought = r#"{"choices": [{"message": {"content": "4", "reasoning_content": "2+2"}}]}"#;
        assert_eq!(parse(thought).unwrap().0[0].text, "<think>\n2+2\n</think>\n\n4");
        let filtered =
            r#"{"choices": [{"message": {"content": ""}, "finish_reason": "content_filter"}]}"#;
        assert_eq!(parse(filtered).unwrap().0[0].finish, Finish::Error);
        for bad in [
            "{",
            "{}",
            "{\"choices\": []}",
            "{\"choices\": [{}]}",
            "{\"error\": {\"message\": \"x\"}}",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
