//! How a problem becomes a conversation.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::types::Message;

/// Appended to every problem, as in the study (tinker-cookbook, `recipes/math_rl/math_env.py`).
pub const INSTRUCTION: &str = " Write your answer in \\boxed{} format.";

const FEW_SHOT_QUESTION: &str = "How many r's are in strawberry?";
const FEW_SHOT_ANSWER: &str = "Let's spell the word out and number all the letters: 1) s 2) t 3) r 4) a 5) w 6) b \
     7) e 8) r 9) r 10) y. We have r's at positions 3, 8, and 9. \\boxed{3}";

/// How a problem becomes a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PromptStyle {
    /// The problem and nothing else.
    Bare,
    /// The problem and the instruction.
    Instruction,
    /// One solved example as a turn of its own, then the problem and the instruction: the study's protocol.
    Study,
}

impl std::str::FromStr for PromptStyle {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "bare" => Ok(Self::Bare),
            "instruction" => Ok(Self::Instruction),
            "study" => Ok(Self::Study),
            _ => Err(Error::config(
                "prompt",
                format!("'{name}' is none of 'bare', 'instruction' and 'study'"),
            )),
        }
    }
}

impl PromptStyle {
    /// The conversation that asks `problem`.
    pub fn messages(self, problem: &str) -> Vec<Message> {
        let question = Message::user(format!("{problem}{INSTRUCTION}"));
        match self {
            Self::Bare => vec![Message::user(problem)],
            Self::Instruction => vec![question],
            Self::Study => vec![
                Message::user(format!("{FEW_SHOT_QUESTION}{INSTRUCTION}")),
                Message::assistant(FEW_SHOT_ANSWER),
                question,
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_study_prompt_is_example_then_question() {
        let messages = PromptStyle::Study.messages("What is 1+1?");
        assert_eq!(messages.len(), 3);
        assert!(messages[1].content.ends_with("\\boxed{3}"));
        assert_eq!(messages[2].content, "What is 1+1? Write your answer in \\boxed{} format.");
    }
}
