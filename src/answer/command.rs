//! LaTeX commands and plain words by name, and what the lexer makes of them.

use super::func;
use super::token::{P, Tok};

/// What a command stands for.
pub(super) enum Command {
    /// One token.
    Token(Tok),
    /// Nothing: it only changes how things look.
    Skip,
    /// White space; `true` for a thin one.
    Space(bool),
    /// `\text{..}` and its like: words follow.
    TextArgument,
    /// `\mathrm{..}` and its like: words if it holds only letters, mathematics otherwise.
    FontArgument,
    /// `\operatorname{..}`.
    Operator,
    /// `\mathbb{..}`.
    Blackboard,
    /// `\left`, `\right`: the delimiter follows; `true` for left.
    Delimiter(bool),
    /// `\begin`, `\end`.
    Begin,
    End,
    /// The argument is dropped too: `\color{red}`.
    SkipArgument,
    /// `\bar{z}`: a mark over a letter, which makes it another symbol.
    Mark,
    /// `\circ`, `\degree`: degrees where they are raised or stand alone.
    Degree,
    /// `\prime`.
    Prime,
}

/// Greek letters that answers use as symbols.
const GREEK: &[&str] = &[
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
    "Gamma", "Delta", "Theta", "Lambda", "Xi", "Sigma", "Phi", "Psi", "Omega",
];

/// Commands whose meaning the grader does not know, but which are no symbols: what holds one is compared as it stands.
const UNREAD: &[&str] = &[
    "equiv",
    "pmod",
    "mod",
    "bmod",
    "cong",
    "parallel",
    "perp",
    "nmid",
    "subset",
    "subseteq",
    "supset",
    "supseteq",
    "notin",
    "ni",
    "forall",
    "exists",
    "lim",
    "int",
    "iint",
    "iiint",
    "oint",
    "partial",
    "nabla",
    "iff",
    "Leftrightarrow",
    "leftrightarrow",
    "mapsto",
    "propto",
    "prec",
    "succ",
    "ll",
    "gg",
    "sup",
    "neg",
    "oplus",
    "otimes",
    "circledast",
    "star",
    "longmapsto",
    "leftarrow",
    "Leftarrow",
    "vdots",
    "ddots",
    "liminf",
    "limsup",
];

/// Whether a name is a Greek letter.
pub(super) fn is_greek(name: &str) -> bool {
    GREEK.contains(&name)
}

/// What `\name` stands for.
pub(super) fn command(name: &str) -> Command {
    use Command::{FontArgument, Skip, SkipArgument, Space, TextArgument, Token};
    let p = |p: P| Token(Tok::P(p));
    match name {
        "frac" | "dfrac" | "tfrac" | "cfrac" => p(P::Frac),
        "sqrt" => p(P::Sqrt),
        "pi" => p(P::Pi),
        "cdot" | "times" | "ast" | "cdotp" | "bullet" => p(P::Times),
        "div" => p(P::Slash),
        "pm" => p(P::PlusMinus),
        "mp" => p(P::MinusPlus),
        "le" | "leq" | "leqslant" | "leqq" => p(P::Le),
        "ge" | "geq" | "geqslant" | "geqq" => p(P::Ge),
        "lt" => p(P::Lt),
        "gt" => p(P::Gt),
        "ne" | "neq" => p(P::Ne),
        "approx" | "simeq" | "sim" | "thickapprox" | "approxeq" | "doteq" => p(P::Approx),
        "in" => p(P::In),
        "infty" | "infin" => p(P::Infinity),
        "cup" | "bigcup" => p(P::Cup),
        "cap" | "bigcap" => p(P::Cap),
        "setminus" | "backslash" | "smallsetminus" => p(P::SetMinus),
        "emptyset" | "varnothing" => p(P::Empty),
        "binom" | "dbinom" | "tbinom" => p(P::Binom),
        "over" => p(P::Over),
        "choose" => p(P::Choose),
        "langle" => p(P::LAngle),
        "rangle" => p(P::RAngle),
        "lfloor" => p(P::LFloor),
        "rfloor" => p(P::RFloor),
        "lceil" => p(P::LCeil),
        "rceil" => p(P::RCeil),
        "lvert" => p(P::LAbs),
        "rvert" => p(P::RAbs),
        "vert" | "mid" | "lVert" | "rVert" | "Vert" => p(P::Bar),
        "lbrace" => p(P::LSet),
        "rbrace" => p(P::RSet),
        "lbrack" => p(P::LBrack),
        "rbrack" => p(P::RBrack),
        "land" | "wedge" => p(P::And),
        "lor" | "vee" => p(P::Or),
        "sum" => p(P::Sum),
        "prod" => p(P::Product),
        "dots" | "ldots" | "cdots" | "dotsc" | "dotsb" => p(P::Dots),
        "to" | "rightarrow" | "Rightarrow" | "implies" | "longrightarrow" => p(P::Arrow),
        "left" => Command::Delimiter(true),
        "right" => Command::Delimiter(false),
        "begin" => Command::Begin,
        "end" => Command::End,
        "text" | "mbox" | "textbf" | "textit" | "textrm" | "textnormal" | "textsf" | "texttt"
        | "hbox" | "emph" | "textup" | "textsc" => TextArgument,
        "mathrm" | "mathbf" | "mathit" | "mathsf" | "mathtt" | "boldsymbol" | "bm" | "bf"
        | "rm" | "it" | "mathcal" | "mathfrak" | "pmb" | "unit" => FontArgument,
        "operatorname" => Command::Operator,
        "mathbb" | "Bbb" => Command::Blackboard,
        "circ" | "degree" => Command::Degree,
        "overline" | "bar" | "hat" | "widehat" | "tilde" | "widetilde" | "dot" | "ddot" => {
            Command::Mark
        }
        "prime" => Command::Prime,
        "color" | "phantom" | "hphantom" | "vphantom" | "hspace" | "vspace" | "textcolor"
        | "label" | "tag" => SkipArgument,
        "," | ":" | ";" | ">" | " " | "enspace" | "thinspace" | "medspace" | "thickspace" => {
            Space(true)
        }
        "quad" | "qquad" | "newline" | "par" => Space(false),
        "boxed" | "fbox" | "underline" | "vec" | "overrightarrow" | "displaystyle"
        | "textstyle" | "scriptstyle" | "limits" | "nolimits" | "big" | "Big" | "bigg" | "Bigg"
        | "bigl" | "bigr" | "Bigl" | "Bigr" | "biggl" | "biggr" | "Biggl" | "Biggr" | "bigm"
        | "middle" | "mathop" | "mathord" | "ensuremath" | "cancel" | "rlap" | "strut" | "rule"
        | "therefore" | "nobreak" | "hfill" | "noindent" | "normalsize" | "large" | "Large"
        | "(" | ")" | "[" | "]" | "/" => Skip,
        _ if UNREAD.contains(&name) => Token(Tok::Text(format!("\\{name}").into())),
        "lnot" => Token(Tok::Text("\\neg".into())),
        "pounds" | "euro" | "yen" => Token(Tok::Text(name.into())),
        "varepsilon" => Token(Tok::Id("epsilon".into())),
        "varphi" => Token(Tok::Id("phi".into())),
        "vartheta" => Token(Tok::Id("theta".into())),
        "ell" => Token(Tok::Id("l".into())),
        "imath" => p(P::ImagUnit),
        _ => match func::named(name) {
            Some(fun) => Token(Tok::Fun(fun)),
            None => Token(Tok::Id(name.into())),
        },
    }
}

/// Whether a doubled backslash before this name is an escaped single one.
pub(super) fn is_known(name: &str) -> bool {
    !matches!(command(name), Command::Token(Tok::Id(_))) || is_greek(name)
}

/// A run of letters in mathematics: a word with a meaning, or letters.
pub(super) fn word(letters: &str) -> Tok {
    let p = match letters {
        "and" | "And" | "AND" => P::And,
        "or" | "Or" | "OR" => P::Or,
        "pi" | "Pi" | "PI" => P::Pi,
        "sqrt" => P::Sqrt,
        "frac" => P::Frac,
        "infty" | "infinity" | "Infinity" | "inf" | "oo" => P::Infinity,
        "cup" | "union" => P::Cup,
        "emptyset" => P::Empty,
        _ => {
            if let Some(fun) = func::named(letters) {
                return Tok::Fun(fun);
            }
            if is_greek(letters) || letters.len() == 1 {
                return Tok::Id(letters.into());
            }
            return Tok::Word(letters.into());
        }
    };
    Tok::P(p)
}
