//! Answers made to cost as much as possible: families of nasty texts in growing sizes. Used by the tests, which count
//! steps, and by `benches/hostile.rs`, which looks at the clock.
#![allow(dead_code)] // each of its users needs a part

/// A gold answer and a prediction.
pub struct Pair {
    /// What makes it nasty, and how much of it there is.
    pub name: String,
    /// The gold answer.
    pub gold: String,
    /// A bare answer, or a completion.
    pub pred: String,
    /// Whether `pred` is a completion with a box.
    pub completion: bool,
}

/// Joins `n` pieces made from their numbers.
fn join(n: usize, separator: &str, piece: impl Fn(usize) -> String) -> String {
    (0..n).map(piece).collect::<Vec<_>>().join(separator)
}

fn wrap(open: &str, middle: &str, close: &str, n: usize) -> String {
    format!("{}{middle}{}", open.repeat(n), close.repeat(n))
}

const PRIMES: [usize; 30] = [
    2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113,
];

fn prime(k: usize) -> usize {
    PRIMES[k % 30] + 120 * (k / 30)
}

/// A letter for each number.
fn letter(k: usize) -> String {
    let name = b"xyzuvwabcdpqrst"[k % 15] as char;
    if k < 15 { name.to_string() } else { format!("{name}_{{{k}}}") }
}

/// Texts of one family; the first and the second are near each other or equal in value, so that the comparison has to
/// look closely.
type Family = (&'static str, fn(usize) -> (String, String));

const FAMILIES: &[Family] = &[
    ("nested roots", |n| {
        let inner = |last: &str| wrap("\\sqrt{2+", last, "}", n);
        (inner("2"), inner("\\sqrt{4}"))
    }),
    ("nested roots of other indices", |n| {
        (wrap("\\sqrt[3]{5+", "7", "}", n), wrap("\\sqrt[3]{5+", "7.0000001", "}", n))
    }),
    ("nested fractions", |n| {
        (wrap("\\frac{1}{1+", "x", "}", n), wrap("\\frac{1}{x+", "1", "}", n))
    }),
    ("a continued fraction", |n| {
        (wrap("3+\\frac{2}{7+", "5", "}", n), wrap("3+\\frac{2}{7+", "5.5", "}", n))
    }),
    ("powers of sums", |n| {
        (format!("(x+y+z+1)^{{{n}}}"), format!("(x+y+z+1)^{{{}}}(x+y+z+1)", n.max(1) - 1))
    }),
    ("products of sums", |n| {
        let product = |shift: usize| join(n, "", |k| format!("(x+{})", (k + shift) % n));
        (product(0), product(1))
    }),
    ("products of sums of roots", |n| {
        let product =
            |shift: usize| join(n, "", |k| format!("(1+\\sqrt{{{}}})", prime((k + shift) % n)));
        (product(0), product(1))
    }),
    ("roots of distinct primes", |n| {
        let sum = |step: usize| join(n, "+", |k| format!("\\sqrt{{{}}}", prime((step * k) % n)));
        (sum(1), sum(n - 1) + "+\\sqrt{4}-2")
    }),
    ("cube roots of distinct primes", |n| {
        let sum = |last: &str| join(n, "+", |k| format!("\\sqrt[3]{{{}}}", prime(k))) + last;
        (sum(""), sum("+10^{-300}"))
    }),
    ("sines", |n| {
        let sum = |at: &str| join(n, "+", |k| format!("\\sin({k}{at})"));
        (sum("+1"), sum("+\\sqrt{1}"))
    }),
    ("tangents of tangents", |n| {
        (wrap("\\tan(", "1", ")", n), wrap("\\tan(", "\\sqrt{1}", ")", n))
    }),
    ("logarithms of logarithms", |n| {
        (wrap("\\ln(9+", "1", ")", n), wrap("\\ln(9+", "\\sqrt{1}", ")", n))
    }),
    ("inverse functions", |n| {
        (wrap("\\arctan(1+", "1", ")", n), wrap("\\arctan(1+", "\\frac{\\sqrt{4}}{2}", ")", n))
    }),
    ("exponentials", |n| (wrap("e^{-", "1", "}", n), wrap("e^{-", "\\sqrt{1}", "}", n))),
    ("a tower", |n| (wrap("9^{", "9", "}", n), wrap("9^{", "8", "}", n))),
    ("a tower of roots", |n| {
        (wrap("\\sqrt{2}^{", "1", "}", n), wrap("\\sqrt{2}^{", "\\sqrt{1}", "}", n))
    }),
    ("complex powers", |n| {
        (format!("(1+2i)^{{{n}}}+i^{{i}}"), format!("(1+2i)^{{{n}}}+e^{{-\\pi/2}}"))
    }),
    ("factorials", |n| {
        (join(n, "+", |k| format!("{}!", 300 + k)), join(n, "+", |k| format!("{}!", 301 + k)))
    }),
    ("quotients of factorials", |n| {
        let sum = |last: usize| {
            join(n, "+", |k| format!("\\frac{{{}!}}{{{}!+{last}}}", 200 + k, 150 + 2 * k))
        };
        (sum(1), sum(2))
    }),
    ("huge factorials", |n| {
        (format!("{}!/{}!", 90_000 + n, 90_000), format!("{}!/{}!", 90_001 + n, 90_001))
    }),
    ("binomials", |n| {
        let sum = |top: usize| join(n, "+", |k| format!("\\binom{{{}}}{{{}}}", top + k, 350 + k));
        (sum(700), sum(701))
    }),
    ("binomials of variables", |n| {
        (
            join(n, "+", |k| format!("\\binom{{n}}{{{k}}}")),
            join(n, "+", |k| format!("\\binom{{n+1}}{{{k}}}")),
        )
    }),
    ("sums over an index", |n| {
        (
            format!("\\sum_{{k=1}}^{{{n}}}\\frac{{1}}{{k^2+1}}"),
            format!("\\sum_{{j=1}}^{{{n}}}\\frac{{1}}{{j^2+2}}"),
        )
    }),
    ("sums of sums", |n| {
        let sum = |f: &str| format!("\\sum_{{k=1}}^{{{n}}}\\prod_{{j=1}}^{{{n}}}{f}(kj+1)");
        (sum("\\sin"), sum("\\cos"))
    }),
    ("sums in sums in sums", |n| {
        let sum = |a: &str| join(n, "", |k| format!("\\sum_{{{}=1}}^{{200}}", letter(k))) + a;
        (sum("x"), sum("y"))
    }),
    ("many variables to high powers", |n| {
        let sum = |power: usize| join(n, "+", |k| format!("{}^{{{}}}", letter(k), power + k));
        (format!("({})^{{999}}", sum(99_999)), format!("({})^{{998}}", sum(99_999)))
    }),
    ("variables under roots", |n| {
        let sum = |extra: &str| join(n, "+", |k| format!("\\sqrt{{{}+{k}{extra}}}", letter(k)));
        (sum(""), sum("+0"))
    }),
    ("functions of variables", |n| {
        let sum = |a: &str| join(n, "+", |k| format!("\\sin^2({}^2+{k}){a}", letter(k)));
        (sum(""), join(n, "+", |k| format!("1-\\cos^2({}^2+{k})", letter(k))))
    }),
    ("inverse tangents of variables", |n| {
        let sum = |a: &str| join(n, "+", |k| format!("\\arctan({}+{k}{a})", letter(k)));
        (sum(""), sum("+10^{-200}"))
    }),
    ("logarithms of variables", |n| {
        let sum = |f: &str| join(n, "+", |k| format!("\\{f}(2{}+{k})", letter(k)));
        (sum("log"), sum("ln"))
    }),
    ("unknown functions", |n| (wrap("f(x+", "x", ")", n), wrap("f(x+", "1x", ")", n))),
    ("a list of roots backwards", |n| {
        let list = |f: &dyn Fn(usize) -> usize| join(n, ",", |k| format!("\\sqrt{{{}}}", f(k) + 2));
        (list(&|k| k), list(&|k| n - 1 - k))
    }),
    ("a list of numbers backwards", |n| {
        (join(n, ", ", |k| k.to_string()), join(n, ", ", |k| (n - 1 - k).to_string()))
    }),
    ("a list of expressions", |n| {
        let list = |f: &dyn Fn(usize) -> usize| join(n, ",", |k| format!("(x+{})^2", f(k)));
        (list(&|k| k), list(&|k| n - 1 - k))
    }),
    ("a set of tuples", |n| {
        let set = |f: &dyn Fn(usize) -> usize| {
            format!("\\{{{}\\}}", join(n, ",", |k| format!("({},\\sin {})", f(k), f(k))))
        };
        (set(&|k| k), set(&|k| n - 1 - k))
    }),
    ("a set of repeated roots", |n| {
        let set = |add: &str| {
            format!("\\{{{}\\}}", join(n, ",", |k| format!("\\sqrt{{{}}}{add}", 2 + k % 2)))
        };
        (set(""), set("+0"))
    }),
    ("a union of intervals", |n| {
        let union = |f: &dyn Fn(usize) -> usize| {
            join(n, "\\cup", |k| format!("(\\sqrt{{{}}},\\sqrt{{{}}}]", 10 * f(k), 10 * f(k) + 5))
        };
        (union(&|k| k), union(&|k| n - 1 - k))
    }),
    ("differences of sets", |n| {
        (
            format!("\\mathbb R{}", join(n, "", |k| format!("\\setminus\\{{\\sqrt{{{k}}}\\}}"))),
            format!("\\mathbb R\\setminus\\{{{}\\}}", join(n, ",", |k| format!("\\sqrt{{{k}}}"))),
        )
    }),
    ("a chain of inequalities", |n| {
        (
            join(n, "<", |k| format!("\\sin({k}x)")),
            join(n, "<", |k| format!("\\sin({k}x+\\pi-\\pi)")),
        )
    }),
    ("conditions", |n| {
        (
            join(n, "\\text{ and }", |k| format!("x<\\sqrt{{{k}}}")),
            join(n, "\\text{ or }", |k| format!("x>\\sqrt{{{k}}}")),
        )
    }),
    ("a chain of equalities", |n| {
        (
            join(n, "=", |k| format!("\\sqrt{{{}}}", (k + 2) * (k + 2))),
            "2".to_string() + &"=\\sqrt{4}".repeat(n),
        )
    }),
    ("a chain of equal roots", |n| {
        let chain = "=\\sqrt{2}+\\sqrt{3}=\\sqrt{5+2\\sqrt{6}}".repeat(n);
        (format!("x{chain}"), format!("y{chain}"))
    }),
    ("equations", |n| {
        let sum =
            |c: usize| join(n, "+", |k| format!("{}{}^{{{}}}", c * (k + 1), letter(k), k + 2));
        (format!("{}=1", sum(1)), format!("{}=3", sum(3)))
    }),
    ("equations with roots", |n| {
        let sum = |c: usize| join(n, "+", |k| format!("{c}\\sqrt{{{}}}", letter(k)));
        (format!("{}=1", sum(1)), format!("{}=3", sum(3)))
    }),
    ("a matrix of roots", |n| {
        let matrix = |add: &str| {
            let row = |i: usize| join(n, "&", |j| format!("\\sqrt{{{}}}{add}", i * j + 2));
            format!("\\begin{{pmatrix}}{}\\end{{pmatrix}}", join(n, "\\\\", row))
        };
        (matrix(""), matrix("+0"))
    }),
    ("a matrix with a factor", |n| {
        let matrix = |add: &str| {
            let row = |i: usize| join(n, "&", |j| format!("{}{add}", i * j + 2));
            format!("(1+\\sqrt2)\\begin{{pmatrix}}{}\\end{{pmatrix}}", join(n, "\\\\", row))
        };
        (matrix(""), matrix("+0"))
    }),
    ("a determinant", |n| {
        let cell =
            |i: usize, j: usize| join(n, "+", |k| format!("\\sqrt{{{}}}", i + 3 * j + k + 2));
        let rows =
            |f: &dyn Fn(usize, usize) -> String| join(3, "\\\\", |i| join(3, "&", |j| f(i, j)));
        (
            format!("\\begin{{vmatrix}}{}\\end{{vmatrix}}", rows(&cell)),
            format!("\\begin{{vmatrix}}{}\\end{{vmatrix}}", rows(&|i, j| cell(j, i))),
        )
    }),
    ("nested matrices", |n| {
        (
            wrap("\\begin{pmatrix}", "1", "\\end{pmatrix}", n),
            wrap("\\begin{pmatrix}", "2", "\\end{pmatrix}", n),
        )
    }),
    ("plus-minus", |n| {
        (
            format!("1{}", join(n, "", |k| format!("\\pm\\sqrt{{{}}}", k + 2))),
            format!("1{}", join(n, "", |k| format!("\\mp\\sqrt{{{}}}", n - k + 1))),
        )
    }),
    ("lists of plus-minus", |n| {
        let list = |c: usize| {
            join(n, ",", |k| format!("\\pm\\sqrt{{{}}}\\pm{c}\\pm\\sqrt[3]{{5}}", k + c))
        };
        (list(2), list(3))
    }),
    ("inequalities of plus-minus", |n| {
        let all = join(n, "", |k| format!("\\pm\\ln(-2-{}^2)", letter(k)));
        (format!("{all}<1"), format!("{all}<2"))
    }),
    ("nested tuples", |n| (wrap("(1,", "2", ")", n), wrap("(1,", "\\sqrt{4}", ")", n))),
    ("nested alternatives", |n| {
        (wrap("(", "1", " \\text{ or } 2)", n), wrap("(", "2", " \\text{ or } 1)", n))
    }),
    ("nested equations", |n| (wrap("(x=", "1", ")", n), wrap("(x=", "2", ")", n))),
    ("groups of assignments", |n| {
        let all = |f: usize| join(n, ";", |k| format!("p={},q={}", k, k * f + 1));
        (all(1), all(2))
    }),
    ("long decimals", |n| {
        (format!("0.{}", "3".repeat(100 * n)), format!("0.{}4", "3".repeat(100 * n)))
    }),
    ("sums of long decimals", |n| {
        (
            join(n, "+", |k| format!("0.{}{k}", "7".repeat(300))),
            join(n, "+", |k| format!("0.{}{k}", "8".repeat(301))),
        )
    }),
    ("quotients of long numbers", |n| {
        let product = |d: &str| {
            join(n, "\\cdot", |k| format!("\\frac{{{}{k}}}{{{}7}}", d.repeat(300), "9".repeat(200)))
        };
        (product("3"), product("4"))
    }),
    ("repeating decimals", |n| {
        (join(n, "+", |k| format!("0.\\overline{{{}{k}}}", "142857".repeat(30))), format!("{n}/7"))
    }),
    ("exponents of ten", |n| {
        (join(n, "+", |k| format!("1e{}", 4000 + k)), join(n, "+", |k| format!("1e-{}", 4000 + k)))
    }),
    ("words", |n| {
        (join(n, " ", |k| format!("\\text{{word{k}}}")), join(n, " ", |k| format!("word{k}")))
    }),
    ("units", |n| {
        (
            format!("5 {}", "\\text{ apples}^2".repeat(n)),
            format!("5 {}", "\\text{ apple}".repeat(n)),
        )
    }),
    ("long ratios", |n| {
        (
            join(n, ":", |k| format!("\\sqrt{{{}}}", k + 2)),
            join(n, ":", |k| format!("\\sqrt{{{}}}", 2 * k + 4)),
        )
    }),
    ("bars", |n| ("|".repeat(n), "|x".repeat(n))),
    ("minus signs", |n| ("-".repeat(n) + "1", "-".repeat(n + 2) + "1")),
    ("exclamation marks", |n| (format!("5{}", "!".repeat(n)), format!("6{}", "!".repeat(n)))),
    ("carets", |n| ("x^".repeat(n) + "2", "x^".repeat(n) + "3")),
    ("subscripts", |n| ("x_".repeat(n) + "2", "x_{".repeat(n) + "3")),
    ("primes", |n| (format!("x{}", "'".repeat(n)), format!("x{}+0", "'".repeat(n)))),
    ("open braces", |n| ("{".repeat(n), "}".repeat(n))),
    ("open texts", |n| ("\\text{".repeat(n), "\\operatorname{".repeat(n))),
    ("open overlines", |n| ("1\\overline{".repeat(n), "\\text{\\overline{".repeat(n))),
    ("open environments", |n| ("\\begin{pmatrix}".repeat(n), "\\begin{".repeat(n))),
    ("absolute values", |n| {
        (wrap("\\left|x-", "1", "\\right|", n), wrap("\\left|x-", "\\sqrt{1}", "\\right|", n))
    }),
    ("floors", |n| {
        (
            wrap("\\lfloor\\sqrt{2}+", "x", "\\rfloor", n),
            wrap("\\lfloor\\sqrt{2}+", "x+0", "\\rfloor", n),
        )
    }),
    ("the largest of many", |n| {
        let list =
            |c: usize| format!("\\max({})", join(n, ",", |k| format!("\\sqrt{{{}}}", k + c)));
        (list(2), list(3))
    }),
    ("common divisors", |n| {
        (format!("\\gcd(x^{{{n}}},3^{{800}})"), format!("\\gcd(x^{{{n}}},3^{{801}})"))
    }),
    ("foreign letters", |n| ("\u{4e00}\u{1f600}".repeat(n), "\u{ff11}\u{202e}\u{b2}".repeat(n))),
    ("control characters", |n| ("\u{0}\u{fffd}".repeat(n), "\u{1}\u{7f}".repeat(n))),
    ("spaces", |n| (" ".repeat(n) + "1", "\\, ".repeat(n) + "2")),
];

/// Sizes of each family.
const SIZES: [usize; 9] = [1, 2, 3, 6, 12, 30, 60, 200, 1000];

/// Every family in every size, compared with its neighbour both ways round, as completions too.
pub fn pairs() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (name, make) in FAMILIES {
        for n in SIZES {
            let (a, b) = make(n);
            // Longer texts are too long all alike.
            if a.len() + b.len() > 200_000 {
                continue;
            }
            let mut add = |gold: &str, pred: &str| {
                let (name, gold, pred) = (format!("{name}, {n}"), gold.into(), pred.into());
                pairs.push(Pair { name, gold, pred, completion: false });
            };
            add(&a, &b);
            add(&b, &a);
            add("\\frac{7}{2}", &a);
            add("\\frac{7}{2}", &b);
            add("1,\\sqrt{2},x", &format!("{a},{b}"));
        }
    }
    pairs.extend(completions());
    pairs
}

/// Completions whose answer is hard to find.
fn completions() -> Vec<Pair> {
    let garbage = "x ".repeat(40_000);
    let texts = [
        ("a megabyte of digits", "7".repeat(1_000_000)),
        ("a megabyte of braces", "{".repeat(1_000_000)),
        ("a megabyte of backslashes", "\\".repeat(1_000_000)),
        ("a megabyte of angles", "<".repeat(1_000_000)),
        ("a megabyte of thoughts", "</think".repeat(150_000)),
        ("a box of a megabyte", format!("\\boxed{{{}}}", "1+".repeat(500_000))),
        ("100,000 nested braces", format!("\\boxed{}", wrap("{", "5", "}", 100_000))),
        ("openings", "\\boxed{".repeat(150_000)),
        ("openings of small boxes", "\\fbox {\\boxed".repeat(70_000)),
        ("openings before garbage", format!("{}{garbage}", "\\boxed{".repeat(64))),
        ("openings before garbage, many", "\\boxed{x x x x x x x x x x x x x x x x".repeat(20_000)),
        ("thirty neighbouring boxes", "\\boxed{\\sqrt{2}+\\sqrt{3}},".repeat(30)),
        ("a thousand neighbouring boxes", "\\boxed{x}, ".repeat(1_000)),
        ("boxes far apart", format!("\\boxed{{1}}{garbage}").repeat(10)),
        ("boxes in boxes", wrap("\\boxed{", "5", "}", 5_000)),
        ("invalid bytes", String::from_utf8_lossy(&[0xff; 100_000]).into_owned()),
    ];
    let golds = ["\\frac{7}{2}", "1,2,3", "x^2+1"];
    let mut pairs = Vec::new();
    for (name, text) in texts {
        for gold in golds {
            let (name, gold, pred) = (name.to_string(), gold.to_string(), text.clone());
            pairs.push(Pair { name, gold, pred, completion: true });
        }
        pairs.push(Pair {
            name: format!("{name}, bare"),
            gold: text.clone(),
            pred: text + " ",
            completion: false,
        });
    }
    pairs
}
