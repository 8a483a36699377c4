//! Equality of strings after normalisation, without any mathematics: what the study's answers were most likely graded
//! by. Its grader, in the version before its repair, compares the answer as in hendrycks/math (`is_equiv`) and then as
//! in openai/prm800k (`_normalize`), and hardly ever asks sympy. LaTeX becomes text as by pylatexenc, for the commands
//! that answers use.

/// Longest answer that is normalised.
const MAX_BYTES: usize = 2048;

/// Whether two answers have the same normal string, in either of the two normalisations.
pub(super) fn equal(gold: &str, answer: &str) -> bool {
    if gold.len().max(answer.len()) > MAX_BYTES {
        return gold.trim() == answer.trim();
    }
    if hendrycks(gold) == hendrycks(answer) {
        return true;
    }
    let (gold, answer) = (prm800k(gold), prm800k(answer));
    gold == answer && !answer.is_empty()
}

/// What `\text{..}` around all of the answer holds.
fn without_text(text: &str) -> &str {
    match text.strip_prefix("\\text{").and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) if !inner.is_empty() => inner,
        _ => text,
    }
}

/// The normalisation of hendrycks/math.
fn hendrycks(text: &str) -> String {
    let mut s = without_text(text.trim()).trim().replace('\n', "");
    for (from, to) in [
        ("\\!", ""),
        ("\\\\", "\\"),
        ("tfrac", "frac"),
        ("dfrac", "frac"),
        ("\\left", ""),
        ("\\right", ""),
        ("^{\\circ}", ""),
        ("^\\circ", ""),
        ("\\$", ""),
    ] {
        s = s.replace(from, to);
    }
    // A unit: everything from the first `\text{ ` on.
    if let Some(at) = s.find("\\text{ ") {
        s.truncate(at);
    }
    s = s.replace("\\%", "").replace(" .", " 0.").replace("{.", "{0.");
    if s.starts_with('.') {
        s.insert(0, '0');
    }
    if let Some((name, value)) = s.split_once('=')
        && name.len() <= 2
        && !value.contains('=')
    {
        s = value.to_string();
    }
    s = braced_arguments(&s, "\\sqrt", 1).replace(' ', "");
    s = braced_arguments(&s, "\\frac", 2);
    if s == "0.5" {
        s = "\\frac{1}{2}".into();
    }
    match s.split_once('/') {
        Some((a, b)) if is_integer(a) && is_integer(b) => format!("\\frac{{{a}}}{{{b}}}"),
        _ => s,
    }
}

fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    !digits.is_empty()
        && digits.bytes().all(|b| b.is_ascii_digit())
        && (digits == "0" || !digits.starts_with('0'))
}

/// `\frac12` as `\frac{1}{2}`: one-character arguments in braces; only the first where a brace follows it.
fn braced_arguments(text: &str, command: &str, count: usize) -> String {
    let mut parts = text.split(command);
    let mut out = parts.next().unwrap_or("").to_string();
    for part in parts {
        out.push_str(command);
        let mut rest = part;
        for _ in 0..count {
            match rest.chars().next() {
                Some(c)
                    if c != '{'
                        && !(rest.len() == part.len()
                            && count == 2
                            && part.chars().count() < 2) =>
                {
                    out.push('{');
                    out.push(c);
                    out.push('}');
                    rest = &rest[c.len_utf8()..];
                }
                _ => break,
            }
        }
        out.push_str(rest);
    }
    out
}

const UNITS: [&str; 16] = [
    "degree",
    "cm",
    "centimeter",
    "meter",
    "mile",
    "second",
    "minute",
    "hour",
    "day",
    "week",
    "month",
    "year",
    "foot",
    "feet",
    "inch",
    "yard",
];

/// The normalisation of openai/prm800k.
fn prm800k(text: &str) -> String {
    let mut s = without_text(text).replace("\\%", "").replace("\\$", "").replace(['$', '%'], "");
    s = s.replace(" or ", " , ").replace(" and ", " , ");
    for (word, power) in [("million", 6), ("billion", 9), ("trillion", 12)] {
        s = s.replace(word, &format!("*10^{power}"));
    }
    for unit in UNITS {
        s = without_unit(&s, unit);
    }
    if s.contains("\\circ") {
        let parts: Vec<&str> = s.split("\\circ").collect();
        let (last, degrees) = parts.split_last().unwrap_or((&"", &[]));
        let mut out = String::new();
        for part in degrees {
            match part.trim_end_matches(' ').strip_suffix('^') {
                Some(number) => out.push_str(number),
                None => out.push_str(&format!("{part}\\circ")),
            }
        }
        s = out + last;
    }
    if s.len() >= 2 && s.starts_with('{') && s.ends_with('}') {
        s = s[1..s.len() - 1].to_string();
    }
    let mut groups = s.split(",\\!");
    let first = groups.next().unwrap_or("").to_string();
    s = groups.fold(first, |all, group| all + group.trim_start_matches(' '));
    s = whole_float(&s).unwrap_or(s);
    if s.contains('\\') {
        s = plain(&s);
    }
    // `- 5` and `7 3/4`.
    while s.contains("- ") {
        s = s.replace("- ", "-");
    }
    let mut out = String::with_capacity(s.len());
    let bytes = s.as_bytes();
    for (i, c) in s.char_indices() {
        if c != ' ' {
            out.push(c);
            continue;
        }
        let next = s[i..].trim_start_matches(' ').bytes().next();
        let digit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_digit());
        if digit(i.checked_sub(1).map(|k| bytes[k])) && digit(next) {
            out.push('+');
        }
    }
    let out = out.replace(['{', '}'], "").to_lowercase();
    whole_float(&without_thousands(&out)).unwrap_or(out)
}

/// Deletes a unit with its plural and power, wherever it stands.
fn without_unit(text: &str, unit: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(unit) {
        out.push_str(&rest[..at]);
        let mut after = &rest[at + unit.len()..];
        after = after.strip_prefix("es").unwrap_or(after);
        after = after.strip_prefix('s').unwrap_or(after);
        after = after.trim_start_matches(' ');
        if let Some(power) = after.strip_prefix('^')
            && power.starts_with(|c: char| c.is_ascii_digit())
        {
            after = power.trim_start_matches(|c: char| c.is_ascii_digit());
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A float within 1e-7 of a whole number as that number.
fn whole_float(text: &str) -> Option<String> {
    // Python reads `1_3` as 13.
    let value: f64 = text.trim().replace('_', "").parse().ok()?;
    let whole = value.round();
    ((value - whole).abs() <= 1e-7 && whole.abs() < 1e15).then(|| format!("{whole:.0}"))
}

/// Digits without the commas between their groups of three.
fn without_thousands(text: &str) -> String {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        bytes[from.min(bytes.len())..].iter().take_while(|b| b.is_ascii_digit()).count()
    };
    text.char_indices()
        .filter(|&(i, c)| {
            !(c == ',' && i > 0 && bytes[i - 1].is_ascii_digit() && digits(i + 1) == 3)
        })
        .map(|(_, c)| c)
        .collect()
}

/// LaTeX as plain text, without scopes: `\frac{a}{b}` is `a/b`.
fn plain(text: &str) -> String {
    let text =
        text.replace("\\tfrac", "\\frac").replace("\\dfrac", "\\frac").replace("\\frac", " \\frac");
    let mut out = String::new();
    let mut rest = text.as_str();
    // Braces that close the numerators of open fractions.
    let (mut depth, mut fractions) = (0i32, Vec::new());
    while let Some(c) = rest.chars().next() {
        match c {
            '\\' => {
                let name = rest[1..].bytes().take_while(u8::is_ascii_alphabetic).count();
                let (name, after) = rest[1..].split_at(name);
                rest = after;
                match name {
                    "frac" if rest.starts_with('{') => fractions.push(depth),
                    "frac" => {
                        let first = rest.trim_start();
                        let length = first.chars().next().map_or(0, char::len_utf8);
                        out.push_str(&first[..length]);
                        out.push('/');
                        rest = &first[length..];
                    }
                    // The converter drops the index of a root.
                    "sqrt" => {
                        out.push_str("sqrt");
                        let index = rest.strip_prefix('[').and_then(|r| r.split_once(']'));
                        rest = index.map_or(rest, |(_, after)| after);
                    }
                    "pi" => out.push_str("pi"),
                    "infty" => out.push_str("inf"),
                    "cup" => out.push('u'),
                    "cdot" | "times" => out.push('*'),
                    "pm" => out.push_str("+-"),
                    "left" | "right" | "text" | "mathrm" | "mathbf" | "textbf" | "mbox"
                    | "boxed" => {}
                    "" => rest = rest.chars().next().map_or("", |c| &rest[c.len_utf8()..]),
                    other => out.push_str(other),
                }
                continue;
            }
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                if fractions.last() == Some(&depth) {
                    fractions.pop();
                    out.push('/');
                }
            }
            other => out.push(other),
        }
        rest = &rest[c.len_utf8()..];
    }
    out.trim().to_string()
}
