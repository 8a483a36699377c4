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

#[cfg(feature = "torch")]
#[test]
fn the_shipped_tokenizer_gives_the_ids_that_transformers_gives() {
    let vocabulary = howard::torch::tokenizer::Vocabulary::load(&root().join("data/tiny")).unwrap();
    let golden: Value = serde_json::from_str(include_str!("golden/chat.json")).unwrap();
    let mut compared = 0;
    for row in golden["rows"].as_array().unwrap().iter().filter(|row| row["template"] == "tiny") {
        let ids: Vec<u32> = serde_json::from_value(row["ids"].clone()).unwrap();
        assert_eq!(vocabulary.encode(row["text"].as_str().unwrap()).unwrap(), ids);
        compared += 1;
    }
    assert_eq!(compared, 10);
}

/// The answer and its end token are trained, headers are not; ids are those of the rendered conversation.
#[cfg(feature = "torch")]
#[test]
fn the_loss_mask_covers_what_the_assistant_says() {
    let tokenizer = howard::torch::tokenizer::Tokenizer::load(&root().join("data/tiny")).unwrap();
    let messages = [
        Message::user("1+1?"),
        Message::assistant("2"),
        Message::user("2+2?"),
        Message::assistant("4"),
    ];
    let (ids, mask) = tokenizer.conversation(&messages).unwrap();
    assert_eq!(ids.len(), mask.len());
    let all = "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n2<|im_end|>\n\
               <|im_start|>user\n2+2?<|im_end|>\n<|im_start|>assistant\n4<|im_end|>";
    assert_eq!(ids, tokenizer.vocabulary().encode(all).unwrap());
    let end = tokenizer.vocabulary().encode("<|im_end|>").unwrap()[0];
    let trained: Vec<u32> =
        ids.iter().zip(&mask).filter(|(_, m)| **m == 1).map(|(id, _)| *id).collect();
    let digit = |text: &str| tokenizer.vocabulary().encode(text).unwrap()[0];
    assert_eq!(trained, [digit("2"), end, digit("4"), end]);
}
