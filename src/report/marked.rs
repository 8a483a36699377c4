//! Text between markers in a file that people write: generated tables inside a README.

use crate::error::{Error, Result};

/// The two marker lines of a name.
fn markers(name: &str) -> (String, String) {
    (format!("<!-- howard:{name} begin -->"), format!("<!-- howard:{name} end -->"))
}

/// What stands between the markers `<!-- howard:NAME begin -->` and `<!-- howard:NAME end -->`.
///
/// # Errors
/// A marker is missing or they stand in the wrong order; `file` names the text in the message.
pub fn between<'a>(text: &'a str, name: &str, file: &str) -> Result<&'a str> {
    let (begin, end) = markers(name);
    let from = text.find(&begin).ok_or_else(|| missing(file, &begin))? + begin.len();
    let length = text[from..].find(&end).ok_or_else(|| missing(file, &end))?;
    Ok(&text[from..from + length])
}

fn missing(file: &str, marker: &str) -> Error {
    Error::data(
        file,
        format!("has no line '{marker}' (begin first, then end): put both where the table belongs"),
    )
}

/// The text with `inside` between the markers.
///
/// # Errors
/// As [`between`].
pub fn replaced(text: &str, name: &str, file: &str, inside: &str) -> Result<String> {
    let old = between(text, name, file)?;
    let from = old.as_ptr() as usize - text.as_ptr() as usize;
    Ok(format!("{}\n{}\n{}", &text[..from], inside.trim_matches('\n'), &text[from + old.len()..]))
}

/// The first line in which two texts differ, for people: what stands there and what is expected. `None` if they are equal
/// but for blank lines at the ends.
pub fn first_difference(there: &str, expected: &str) -> Option<String> {
    let (there, expected) = (there.trim_matches('\n'), expected.trim_matches('\n'));
    if there == expected {
        return None;
    }
    let (mut a, mut b) = (there.lines(), expected.lines());
    let mut line = 1;
    loop {
        match (a.next(), b.next()) {
            (Some(a), Some(b)) if a == b => line += 1,
            (a, b) => {
                let shown =
                    |side: Option<&str>| side.map_or("nothing".into(), |text| format!("'{text}'"));
                return Some(format!(
                    "line {line} between the markers is {}, expected {}",
                    shown(a),
                    shown(b)
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "before\n<!-- howard:t begin -->\nold\n<!-- howard:t end -->\nafter\n";

    #[test]
    fn only_what_is_between_changes_and_twice_is_once() {
        let once = replaced(TEXT, "t", "README.md", "new\nlines\n").unwrap();
        assert_eq!(
            once,
            "before\n<!-- howard:t begin -->\nnew\nlines\n<!-- howard:t end -->\nafter\n"
        );
        assert_eq!(replaced(&once, "t", "README.md", "new\nlines").unwrap(), once);
        assert_eq!(between(&once, "t", "README.md").unwrap(), "\nnew\nlines\n");
    }

    #[test]
    fn missing_markers_and_differences_are_named() {
        let message = between("x", "t", "README.md").unwrap_err().to_string();
        assert!(message.contains("README.md: has no line '<!-- howard:t begin -->'"), "{message}");
        let reversed = "<!-- howard:t end --> <!-- howard:t begin -->";
        assert!(between(reversed, "t", "README.md").is_err());
        assert_eq!(first_difference("\na\nb\n", "a\nb"), None);
        let found = first_difference("a\nb", "a\nc\nd").unwrap();
        assert_eq!(found, "line 2 between the markers is 'b', expected 'c'");
        assert!(first_difference("a", "a\nb").unwrap().contains("is nothing, expected 'b'"));
    }
}
