//! Open intervals with brackets that look outwards, as in France: `]2, 3]`, `[0, 1[`.

use super::token::{P, Tok, Token};

/// The tokens with parentheses for such brackets; `None` where there are none.
pub(super) fn english(tokens: &[Token]) -> Option<Vec<Token>> {
    let around = |token: Option<&Token>| match token {
        None => true,
        Some(token) => {
            matches!(token.tok, Tok::P(P::Cup | P::Cap | P::SetMinus | P::In | P::Eq))
        }
    };
    let last = tokens.len().checked_sub(1)?;
    let turned = |k: usize| match tokens[k].tok {
        Tok::P(P::RBrack) if around(k.checked_sub(1).map(|before| &tokens[before])) => {
            Some(P::LParen)
        }
        Tok::P(P::LBrack) if k > 0 && around(tokens.get(k + 1)) => Some(P::RParen),
        _ => None,
    };
    if !(0..=last).any(|k| turned(k).is_some()) {
        return None;
    }
    let mut out = tokens.to_vec();
    for (k, token) in out.iter_mut().enumerate() {
        if let Some(p) = turned(k) {
            token.tok = Tok::P(p);
        }
    }
    Some(out)
}
