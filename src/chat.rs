//! Chat templates, rendered as Hugging Face renders them.
//!
//! Source: transformers `utils/chat_template_utils.py` (Jinja2 with `trim_blocks`, `lstrip_blocks`, Python string
//! methods, `raise_exception`, `tojson` without HTML escapes).

use std::path::Path;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Value as JinjaValue;
use minijinja::{Environment, ErrorKind, context};
use serde_json::Value;

use crate::disk;
use crate::error::{Error, Result};
use crate::types::{Message, Role};

/// A model's chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
}

impl ChatTemplate {
    /// Reads the template of a model folder: `chat_template.jinja`, else the `chat_template` of
    /// `tokenizer_config.json`.
    ///
    /// # Errors
    /// There is none, or it is not a Jinja template.
    pub fn load(dir: &Path) -> Result<Self> {
        let config_path = dir.join("tokenizer_config.json");
        let config: Value = if config_path.exists() {
            serde_json::from_str(&disk::read_text(&config_path)?)
                .map_err(|e| Error::file(&config_path, format!("is not JSON: {e}")))?
        } else {
            Value::Null
        };
        let special = |name: &str| token_text(config.get(name));
        let jinja = dir.join("chat_template.jinja");
        let source = if jinja.exists() {
            disk::read_text(&jinja)?
        } else {
            default_template(config.get("chat_template"))
                .ok_or_else(|| Error::file(dir, "has no chat template (chat_template.jinja)"))?
        };
        Self::new(&source, &special("bos_token"), &special("eos_token"))
            .map_err(|e| Error::file(dir, format!("the chat template is broken: {e}")))
    }

    /// A template from its source text.
    ///
    /// # Errors
    /// It is not a Jinja template.
    pub fn new(source: &str, bos: &str, eos: &str) -> std::result::Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment
            .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_function("raise_exception", raise_exception);
        environment.add_filter("tojson", tojson);
        environment.add_template_owned("chat", source.to_string())?;
        Ok(Self { environment, bos: bos.to_string(), eos: eos.to_string() })
    }

    /// The text of a conversation; `generation` appends the header of an answer.
    ///
    /// # Errors
    /// The template refuses the conversation (its own words are passed on).
    pub fn render(&self, messages: &[Message], generation: bool) -> Result<String> {
        let failed = |e: &minijinja::Error| {
            Error::data("chat template", e.detail().map_or_else(|| e.to_string(), str::to_string))
        };
        let template = self.environment.get_template("chat").map_err(|e| failed(&e))?;
        let messages: Vec<JinjaValue> = messages
            .iter()
            .map(|m| context! { role => role_name(m.role), content => m.content.as_str() })
            .collect();
        template
            .render(context! {
                messages,
                add_generation_prompt => generation,
                bos_token => self.bos.as_str(),
                eos_token => self.eos.as_str(),
            })
            .map_err(|e| failed(&e))
    }
}

fn role_name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

/// A special token is a text or an object with its text in `content`.
fn token_text(value: Option<&Value>) -> String {
    let text = value.and_then(|v| v.as_str().or_else(|| v.get("content")?.as_str()));
    text.unwrap_or_default().to_string()
}

/// `chat_template` is a text or a list of named ones, of which `default` is taken.
fn default_template(value: Option<&Value>) -> Option<String> {
    match value? {
        Value::String(text) => Some(text.clone()),
        Value::Array(named) => named
            .iter()
            .find(|entry| entry.get("name").and_then(Value::as_str) == Some("default"))
            .and_then(|entry| Some(entry.get("template")?.as_str()?.to_string())),
        _ => None,
    }
}

fn raise_exception(message: String) -> std::result::Result<String, minijinja::Error> {
    Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
}

/// Python's `json.dumps(value, ensure_ascii=False)`: a blank after `:` and `,`, nothing escaped for HTML. Keys come out
/// sorted; templates use this for tools only, which howard does not pass.
#[allow(clippy::needless_pass_by_value)] // the signature that filters have
fn tojson(value: JinjaValue) -> std::result::Result<String, minijinja::Error> {
    let failed =
        |e: serde_json::Error| minijinja::Error::new(ErrorKind::BadSerialization, e.to_string());
    let value = serde_json::to_value(&value).map_err(failed)?;
    Ok(python_json(&value))
}

fn python_json(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(python_json).collect::<Vec<_>>().join(", "))
        }
        Value::Object(fields) => {
            let fields = fields
                .iter()
                .map(|(k, v)| format!("{}: {}", Value::from(k.as_str()), python_json(v)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        scalar => scalar.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHATML: &str = "{%- for message in messages %}\n    {{- '<|im_start|>' + message.role + '\\n' + \
        message.content + '<|im_end|>' + '\\n' }}\n{%- endfor %}\n{%- if add_generation_prompt %}\n    \
        {{- '<|im_start|>assistant\\n' }}\n{%- endif %}";

    #[test]
    fn chatml_by_hand() {
        let template = ChatTemplate::new(CHATML, "", "<|im_end|>").unwrap();
        let messages = [Message::user("1+1?"), Message::assistant("2"), Message::user("2+2?")];
        assert_eq!(
            template.render(&messages, true).unwrap(),
            "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n\
             <|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n"
        );
    }

    #[test]
    fn python_methods_and_exceptions_work() {
        let source = "{% if messages[0].content.startswith('no') %}{{ raise_exception('it says no') }}{% endif %}\
            {{ messages[-1].content.split('b')[-1].strip() }}{{ [messages[0].content, 1] | tojson }}";
        let template = ChatTemplate::new(source, "", "").unwrap();
        let text = template.render(&[Message::user("ab <c ")], false).unwrap();
        assert_eq!(text, "<c[\"ab <c \", 1]");
        let refused = template.render(&[Message::user("no")], false).unwrap_err().to_string();
        assert!(refused.contains("it says no"), "{refused}");
    }
}
