//! The last balanced `\boxed{}` or `\fbox{}` of a text.

/// What stands in the last balanced `\boxed{}` or `\fbox{}`; unmatched braces elsewhere do not matter.
pub fn last_boxed(text: &str) -> Option<&str> {
    let mut starts: Vec<usize> = Vec::new();
    for command in ["\\boxed", "\\fbox"] {
        starts.extend(text.match_indices(command).map(|(at, _)| at + command.len()));
    }
    starts.sort_unstable();
    starts.into_iter().rev().find_map(|start| braced(&text[start..]))
}

/// The content of the braces that a text begins with.
fn braced(text: &str) -> Option<&str> {
    let inner = text.trim_start().strip_prefix('{')?;
    let (mut depth, mut escaped) = (1usize, false);
    for (at, byte) in inner.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'{' => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return Some(&inner[..at]);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_balanced_box_wins() {
        assert_eq!(last_boxed("\\boxed{1} or \\boxed{\\frac{1}{2}} done}"), Some("\\frac{1}{2}"));
        assert_eq!(last_boxed("\\boxed{1} then \\boxed{2"), Some("1"));
        assert_eq!(last_boxed("\\fbox {7}"), Some("7"));
        assert_eq!(last_boxed("\\boxed{\\{1,2\\}}"), Some("\\{1,2\\}"));
        assert_eq!(last_boxed("no box {3}"), None);
    }
}
