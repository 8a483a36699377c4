//! Characters beyond ASCII that answers use, as the LaTeX that means the same.

/// LaTeX for a character; an empty text for one that is dropped; `None` for a letter or an unknown sign.
pub(super) fn latex(c: char) -> Option<&'static str> {
    Some(match c as u32 {
        // Zero width, byte-order mark, soft hyphen, quotation marks.
        0x200b..=0x200f | 0x2060 | 0xfeff | 0x00ad | 0x201c | 0x201d | 0x00ab | 0x00bb => "",
        0x00a0 | 0x1680 | 0x2000..=0x200a | 0x202f | 0x205f | 0x3000 => " ",
        0x2212 | 0x2010..=0x2014 | 0xfe63 => "-",
        0x00d7 | 0x00b7 | 0x22c5 | 0x2219 | 0x2217 | 0x2022 => "\\times ",
        0x00f7 | 0x2215 | 0x2044 => "/",
        0x2260 => "\\ne ",
        0x2264 | 0x2a7d => "\\le ",
        0x2265 | 0x2a7e => "\\ge ",
        0x2248 | 0x2243 | 0x2245 => "\\approx ",
        0x2208 => "\\in ",
        0x221e => "\\infty ",
        0x221a => "\\sqrt ",
        0x222a => "\\cup ",
        0x2229 => "\\cap ",
        0x2205 | 0x2300 | 0x00d8 => "\\emptyset ",
        0x211d => "\\mathbb{R}",
        0x2124 => "\\mathbb{Z}",
        0x2115 => "\\mathbb{N}",
        0x211a => "\\mathbb{Q}",
        0x2102 => "\\mathbb{C}",
        0x00b1 => "\\pm ",
        0x2213 => "\\mp ",
        0x00b0 | 0x00ba => "\\degree ",
        0x2032 | 0x2019 | 0x2018 => "'",
        0x2033 => "''",
        0x2026 | 0x22ef => "\\dots ",
        0x2192 => "\\to ",
        0x2227 => "\\wedge ",
        0x2228 => "\\vee ",
        0x2216 => "\\setminus ",
        0x2220 => "\\angle ",
        0x25b3 | 0x2206 => "\\triangle ",
        0x2211 => "\\sum ",
        0x220f => "\\prod ",
        0x230a => "\\lfloor ",
        0x230b => "\\rfloor ",
        0x2308 => "\\lceil ",
        0x2309 => "\\rceil ",
        0x27e8 | 0x2329 => "\\langle ",
        0x27e9 | 0x232a => "\\rangle ",
        0x20ac => "\\text{euro}",
        0x00a3 => "\\text{pounds}",
        0x00a5 => "\\text{yen}",
        0x00a2 => "\\text{cents}",
        0x00bd => "\\frac{1}{2}",
        0x00bc => "\\frac{1}{4}",
        0x00be => "\\frac{3}{4}",
        0x2153 => "\\frac{1}{3}",
        0x2154 => "\\frac{2}{3}",
        0x2155 => "\\frac{1}{5}",
        0x2156 => "\\frac{2}{5}",
        0x2157 => "\\frac{3}{5}",
        0x2158 => "\\frac{4}{5}",
        0x2159 => "\\frac{1}{6}",
        0x215a => "\\frac{5}{6}",
        0x2150 => "\\frac{1}{7}",
        0x215b => "\\frac{1}{8}",
        0x215c => "\\frac{3}{8}",
        0x215d => "\\frac{5}{8}",
        0x215e => "\\frac{7}{8}",
        0x2151 => "\\frac{1}{9}",
        0x2152 => "\\frac{1}{10}",
        0x03b1 => "\\alpha ",
        0x03b2 => "\\beta ",
        0x03b3 => "\\gamma ",
        0x03b4 => "\\delta ",
        0x03b5 | 0x03f5 => "\\epsilon ",
        0x03b6 => "\\zeta ",
        0x03b7 => "\\eta ",
        0x03b8 | 0x03d1 => "\\theta ",
        0x03ba => "\\kappa ",
        0x03bb => "\\lambda ",
        0x03bc | 0x00b5 => "\\mu ",
        0x03bd => "\\nu ",
        0x03be => "\\xi ",
        0x03c0 => "\\pi ",
        0x03c1 => "\\rho ",
        0x03c3 => "\\sigma ",
        0x03c4 => "\\tau ",
        0x03c6 | 0x03d5 => "\\phi ",
        0x03c7 => "\\chi ",
        0x03c8 => "\\psi ",
        0x03c9 => "\\omega ",
        0x0393 => "\\Gamma ",
        0x0394 => "\\Delta ",
        0x0398 => "\\Theta ",
        0x039b => "\\Lambda ",
        0x03a3 => "\\Sigma ",
        0x03a6 => "\\Phi ",
        0x03a8 => "\\Psi ",
        0x03a9 => "\\Omega ",
        _ => return None,
    })
}

/// The ASCII character inside a superscript, with `true`, or a subscript, with `false`.
pub(super) fn script(c: char) -> Option<(char, bool)> {
    Some(match c as u32 {
        0x00b9 => ('1', true),
        0x00b2 => ('2', true),
        0x00b3 => ('3', true),
        code @ (0x2070 | 0x2074..=0x2079) => (digit(code - 0x2070), true),
        0x207a => ('+', true),
        0x207b => ('-', true),
        0x207d => ('(', true),
        0x207e => (')', true),
        0x207f => ('n', true),
        0x02e3 => ('x', true),
        code @ 0x2080..=0x2089 => (digit(code - 0x2080), false),
        _ => return None,
    })
}

fn digit(value: u32) -> char {
    char::from_digit(value, 10).unwrap_or('0')
}

/// Rewrites a text to ASCII: signs as LaTeX, full-width forms as their ASCII, scripts as `^{..}` and `_{..}`.
/// Letters of other alphabets stay.
pub(super) fn to_ascii(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut open: Option<bool> = None;
    for c in text.chars() {
        let found = script(c);
        if open.is_some() && open != found.map(|(_, up)| up) {
            out.push('}');
            open = None;
        }
        if let Some((c, up)) = found {
            if open.is_none() {
                out.push_str(if up { "^{" } else { "_{" });
                open = Some(up);
            }
            out.push(c);
        } else if c.is_ascii() {
            out.push(c);
        } else if (0xff01..=0xff5e).contains(&(c as u32)) {
            out.push(char::from_u32(c as u32 - 0xfee0).unwrap_or(' '));
        } else {
            match latex(c) {
                Some(latex) => out.push_str(latex),
                None => out.push(c),
            }
        }
    }
    if open.is_some() {
        out.push('}');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_become_latex() {
        assert_eq!(to_ascii("\u{2212}2\u{03c0}"), "-2\\pi ");
        assert_eq!(to_ascii("x\u{00b2}\u{2070}+\u{00bd}"), "x^{20}+\\frac{1}{2}");
        assert_eq!(to_ascii("\u{ff15}\u{00b0}"), "5\\degree ");
        assert_eq!(to_ascii("52\u{2088}"), "52_{8}");
    }
}
