//! The shipped tokenizer against transformers (tests/golden/chat.py), and the loss mask.

use std::path::Path;

use howard::types::Message;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_shipped_tokenizer_gives_the_ids_that_transformers_gives() {
    let vocabulary = howard_torch::tokenizer::Vocabulary::load(&root().join("data/tiny")).unwrap();
    let golden: Value = serde_json::from_str(include_str!("../golden/chat.json")).unwrap();
    let mut compared = 0;
    for row in golden["rows"].as_array().unwrap().iter().filter(|row| row["template"] == "tiny") {
        let ids: Vec<u32> = serde_json::from_value(row["ids"].clone()).unwrap();
        assert_eq!(vocabulary.encode(row["text"].as_str().unwrap()).unwrap(), ids);
        compared += 1;
    }
    assert_eq!(compared, 10);
}

/// The answer and its end token are trained, headers are not; ids are those of the rendered conversation.
#[test]
fn the_loss_mask_covers_what_the_assistant_says() {
    let tokenizer = howard_torch::tokenizer::Tokenizer::load(&root().join("data/tiny")).unwrap();
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
