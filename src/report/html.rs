//! A page as one HTML file: style and figures inside, no script, nothing fetched; light and dark.

use super::{Block, Page, Table};
use crate::plot::Svg;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c1c1c;--back:#fff;--line:#d5d5d5;--soft:#f4f4f4}
@media(prefers-color-scheme:dark){:root{--ink:#e4e4e4;--back:#151515;--line:#444;--soft:#232323}}
body{font:16px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--back);max-width:84rem;margin:2rem auto;padding:0 1rem}
p,pre,figure{max-width:62rem}h1,h2{line-height:1.2}h2{margin-top:2.2rem;border-bottom:1px solid var(--line)}
.t{overflow-x:auto}table{border-collapse:collapse;font-size:.92rem}
th,td{border:1px solid var(--line);padding:.25rem .6rem;text-align:left;white-space:nowrap}
th{background:var(--soft)}.n{text-align:right;font-variant-numeric:tabular-nums}
code,pre{background:var(--soft);border-radius:3px}code{padding:.1rem .25rem}pre{padding:.7rem;overflow-x:auto;white-space:pre-wrap}
figure{margin:1rem 0}figure svg{max-width:100%;height:auto;border-radius:6px}
";

/// The page as a self-contained HTML document.
pub fn page(page: &Page) -> String {
    let title = escaped(page.title());
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n\
         <body>\n<h1>{title}</h1>\n<p>Made by <code>{}</code>.</p>\n",
        escaped(page.command())
    );
    text.push_str(&blocks(page, &Table::html));
    text.push_str("</body>\n</html>\n");
    text
}

/// The page as a part of another one: no head and no style, tables as the other page wants them.
pub fn fragment(page: &Page, table_html: &dyn Fn(&Table) -> String) -> String {
    format!("<h2>{}</h2>\n{}", escaped(page.title()), blocks(page, table_html))
}

fn blocks(page: &Page, table_html: &dyn Fn(&Table) -> String) -> String {
    let mut text = String::new();
    for block in page.blocks() {
        text.push_str(&match block {
            Block::Heading(heading) => format!("<h2>{}</h2>\n", inline(heading)),
            Block::Text(paragraph) => format!("<p>{}</p>\n", inline(paragraph)),
            Block::Table(table) => table_html(table),
            Block::Verbatim(content) => format!("<pre>{}</pre>\n", escaped(content)),
            Block::Figure { alt, svg: Svg(svg), .. } => {
                // Scales with the page: without a view box a narrow window would cut it.
                format!("<figure role=\"img\" aria-label=\"{}\">{svg}</figure>\n", escaped(alt))
            }
        });
    }
    text
}

/// Text without any meaning to HTML.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The little markdown that paragraphs and cells hold, as HTML: `code` and **bold**; all else is shown as it is.
pub fn inline(text: &str) -> String {
    let mut html = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i % 2 == 1 {
            html.push_str(&format!("<code>{}</code>", escaped(part)));
            continue;
        }
        let parts: Vec<&str> = part.split("**").collect();
        let balanced = parts.len() % 2 == 1;
        for (j, piece) in parts.iter().enumerate() {
            match (balanced, j % 2) {
                (true, 1) => html.push_str(&format!("<strong>{}</strong>", escaped(piece))),
                (false, _) if j > 0 => html.push_str(&format!("**{}", escaped(piece))),
                _ => html.push_str(&escaped(piece)),
            }
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_inside_and_nothing_breaks_out() {
        let mut made = Page::new("A < B", "report `x` & y");
        made.heading("Results");
        made.text("**bold** and `a<b>` 2 ** 3");
        made.verbatim("</pre><script>alert(1)</script>");
        made.table(&Table { head: vec!["a".into()], names: 1, rows: vec![vec!["<b>".into()]] });
        made.figure("f", "a \"figure\"", Svg("<svg><circle/></svg>".into()));
        let html = page(&made);
        assert!(html.contains("<title>A &lt; B</title>"));
        assert!(html.contains("<code>a&lt;b&gt;</code>"), "{html}");
        assert!(!html.contains("<script>") && html.contains("&lt;script&gt;"));
        assert!(html.contains("aria-label=\"a &quot;figure&quot;\"><svg><circle/></svg></figure>"));
        assert!(!html.contains("http") && !html.contains("src="), "nothing is fetched");
    }

    #[test]
    fn bold_needs_its_other_half() {
        assert_eq!(inline("a **b** c"), "a <strong>b</strong> c");
        assert_eq!(inline("2 ** 3"), "2 ** 3");
    }
}
