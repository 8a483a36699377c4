//! The functions whose meaning the grader knows.

/// A function of one or more arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fun {
    Sin,
    Cos,
    Tan,
    Cot,
    Sec,
    Csc,
    Asin,
    Acos,
    Atan,
    Acot,
    Asec,
    Acsc,
    Sinh,
    Cosh,
    Tanh,
    Coth,
    Sech,
    Csch,
    Asinh,
    Acosh,
    Atanh,
    Exp,
    Ln,
    /// Logarithm of unstated base: natural or decimal.
    Log,
    /// Logarithm of the second argument to the base of the first.
    LogBase,
    Abs,
    Floor,
    Ceil,
    Factorial,
    /// `n!!`.
    DoubleFactorial,
    Binomial,
    Gcd,
    Lcm,
    Max,
    Min,
    Re,
    Im,
    Arg,
    Det,
    /// Degrees: as an argument of a trigonometric function `pi / 180` of it, else the number itself.
    Degree,
}

/// Spellings, in LaTeX without the backslash and in plain text. The first of each function is the one we write.
const NAMES: &[(&str, Fun)] = &[
    ("sin", Fun::Sin),
    ("cos", Fun::Cos),
    ("tan", Fun::Tan),
    ("tg", Fun::Tan),
    ("cot", Fun::Cot),
    ("ctg", Fun::Cot),
    ("sec", Fun::Sec),
    ("csc", Fun::Csc),
    ("cosec", Fun::Csc),
    ("arcsin", Fun::Asin),
    ("asin", Fun::Asin),
    ("arccos", Fun::Acos),
    ("acos", Fun::Acos),
    ("arctan", Fun::Atan),
    ("atan", Fun::Atan),
    ("arctg", Fun::Atan),
    ("arccot", Fun::Acot),
    ("acot", Fun::Acot),
    ("arcsec", Fun::Asec),
    ("arccsc", Fun::Acsc),
    ("sinh", Fun::Sinh),
    ("cosh", Fun::Cosh),
    ("tanh", Fun::Tanh),
    ("coth", Fun::Coth),
    ("sech", Fun::Sech),
    ("csch", Fun::Csch),
    ("arsinh", Fun::Asinh),
    ("arcsinh", Fun::Asinh),
    ("asinh", Fun::Asinh),
    ("arcosh", Fun::Acosh),
    ("arccosh", Fun::Acosh),
    ("acosh", Fun::Acosh),
    ("artanh", Fun::Atanh),
    ("arctanh", Fun::Atanh),
    ("atanh", Fun::Atanh),
    ("exp", Fun::Exp),
    ("ln", Fun::Ln),
    ("log", Fun::Log),
    ("lg", Fun::Log),
    ("abs", Fun::Abs),
    ("floor", Fun::Floor),
    ("ceil", Fun::Ceil),
    ("factorial", Fun::Factorial),
    ("gcd", Fun::Gcd),
    ("lcm", Fun::Lcm),
    ("max", Fun::Max),
    ("min", Fun::Min),
    ("Re", Fun::Re),
    ("Im", Fun::Im),
    ("arg", Fun::Arg),
    ("det", Fun::Det),
];

/// The function of a name.
pub(super) fn named(name: &str) -> Option<Fun> {
    NAMES.iter().find(|(n, _)| *n == name).map(|&(_, fun)| fun)
}

/// The name we write.
pub(super) fn name(fun: Fun) -> &'static str {
    NAMES.iter().find(|&&(_, f)| f == fun).map_or("", |&(n, _)| n)
}

impl Fun {
    /// Whether its argument is an angle.
    pub(super) fn of_angle(self) -> bool {
        matches!(self, Fun::Sin | Fun::Cos | Fun::Tan | Fun::Cot | Fun::Sec | Fun::Csc)
    }

    /// The inverse, for `\sin^{-1}`.
    pub(super) fn inverse(self) -> Option<Fun> {
        Some(match self {
            Fun::Sin => Fun::Asin,
            Fun::Cos => Fun::Acos,
            Fun::Tan => Fun::Atan,
            Fun::Cot => Fun::Acot,
            Fun::Sec => Fun::Asec,
            Fun::Csc => Fun::Acsc,
            Fun::Sinh => Fun::Asinh,
            Fun::Cosh => Fun::Acosh,
            Fun::Tanh => Fun::Atanh,
            _ => return None,
        })
    }

    /// Whether its arguments must stand in parentheses: `\max(a, b)`.
    pub(super) fn wants_parentheses(self) -> bool {
        matches!(
            self,
            Fun::Abs
                | Fun::Floor
                | Fun::Ceil
                | Fun::Factorial
                | Fun::Gcd
                | Fun::Lcm
                | Fun::Max
                | Fun::Min
        )
    }
}
