//! The arithmetic world's answers, found again from the words of the problems by an evaluator that shares no code with it.

use howard::arith;

/// Left-to-right value of `((12+5)*3)-1`, by a stack of brackets.
fn expression(text: &str) -> i64 {
    fn value(bytes: &[u8], at: &mut usize) -> i64 {
        let mut left = atom(bytes, at);
        while *at < bytes.len() && bytes[*at] != b')' {
            let sign = bytes[*at];
            *at += 1;
            let right = atom(bytes, at);
            left = apply(left, char::from(sign), right);
        }
        left
    }
    fn atom(bytes: &[u8], at: &mut usize) -> i64 {
        if bytes[*at] == b'(' {
            *at += 1;
            let inside = value(bytes, at);
            *at += 1;
            return inside;
        }
        let start = *at;
        while *at < bytes.len() && bytes[*at].is_ascii_digit() {
            *at += 1;
        }
        std::str::from_utf8(&bytes[start..*at]).unwrap().parse().unwrap()
    }
    value(text.as_bytes(), &mut 0)
}

fn apply(value: i64, sign: char, n: i64) -> i64 {
    match sign {
        '+' => value + n,
        '-' => value - n,
        '*' => value * n,
        '/' => {
            assert_eq!(value % n, 0, "{value} / {n} leaves a rest");
            value / n
        }
        other => panic!("sign {other}"),
    }
}

/// The value of a list of sentences or clauses: which words mean which sign is written down here once more.
fn words(text: &str) -> i64 {
    let meanings = [
        ("add ", '+'),
        ("subtract ", '-'),
        ("multiply by ", '*'),
        ("divide by ", '/'),
        (" finds ", '+'),
        (" brings ", '+'),
        (" gives away ", '-'),
        (" loses ", '-'),
        (" grows to ", '*'),
        (" split into ", '/'),
    ];
    let number = |text: &str| {
        let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<i64>().unwrap()
    };
    let mut clauses = text.split([',', '.']).map(str::trim).filter(|c| !c.is_empty());
    let first = clauses.next().unwrap();
    let mut value = number(&first[first.find(|c: char| c.is_ascii_digit()).unwrap()..]);
    for clause in clauses {
        let step = meanings.iter().find_map(|&(word, sign)| {
            // A leading space lets a clause begin with its verb.
            let clause = format!(" {clause}");
            clause.find(word).map(|at| (sign, number(&clause[at + word.len()..])))
        });
        if let Some((sign, n)) = step {
            value = apply(value, sign, n);
        } else {
            assert!(clause.ends_with('?'), "not understood: {clause}");
        }
    }
    value
}

#[test]
fn every_held_out_gold_answer_follows_from_the_words() {
    let mut forms = [0; 2];
    for (name, _) in arith::BENCHMARKS {
        for problem in arith::benchmark(name).unwrap() {
            let text = problem.text.as_str();
            let value = if let Some(rest) = text.strip_prefix("Compute ") {
                forms[0] += 1;
                expression(rest.trim_end_matches('.'))
            } else {
                forms[1] += 1;
                words(text)
            };
            assert_eq!(value.to_string(), problem.gold, "{text}");
        }
    }
    assert!(forms.iter().all(|&count| count > 500), "{forms:?}");
}
