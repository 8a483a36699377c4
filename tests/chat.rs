//! Chat templates against transformers: tests/golden/chat.py made the texts and ids (version in chat.json).

use std::path::Path;

use howard::chat::ChatTemplate;
use howard::types::Message;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn templates_render_as_in_transformers() {
    let golden: Value = serde_json::from_str(include_str!("golden/chat.json")).unwrap();
    let rows = golden["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 20);
    let like = include_str!("golden/chat/qwen3_like.jinja");
    let tiny = std::fs::read_to_string(root().join("data/tiny/chat_template.jinja")).unwrap();
    for row in rows {
        let source = if row["template"] == "tiny" { tiny.as_str() } else { like };
        let template = ChatTemplate::new(source, "", "<|im_end|>").unwrap();
        let messages: Vec<Message> = serde_json::from_value(row["messages"].clone()).unwrap();
        let text = template.render(&messages, row["generation"].as_bool().unwrap()).unwrap();
        assert_eq!(text, row["text"].as_str().unwrap());
    }
}
