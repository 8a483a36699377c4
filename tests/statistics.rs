//! docs/statistics.md holds tables that are computed here, so that the page cannot lie.

use std::path::Path;

use howard::report::{Table, marked};
use howard::stats::{coverage, interval, power};

/// Compares the text between the markers of a committed page; HOWARD_BLESS=1 writes it anew.
fn agrees(name: &str, expected: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/statistics.md");
    let text = std::fs::read_to_string(&path).unwrap();
    if std::env::var_os("HOWARD_BLESS").is_some() {
        let text = marked::replaced(&text, name, "docs/statistics.md", expected).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let there = marked::between(&text, name, "docs/statistics.md").unwrap();
    if let Some(difference) = marked::first_difference(there, expected) {
        panic!("docs/statistics.md, {name}: {difference}; HOWARD_BLESS=1 writes it anew");
    }
}

#[test]
fn the_coverage_table_is_computed_and_confirmed_by_simulation() {
    let mut table = Table::new(2, &["true rate", "problems"]);
    table.head.extend(interval::PROPORTION.map(|m| m.label().to_string()));
    for p in [0.01, 0.1, 0.433, 0.9, 0.99] {
        for n in [30, 500, 1319] {
            let mut cells = vec![format!("{:.1} %", 100.0 * p), n.to_string()];
            for method in interval::PROPORTION {
                let exact = coverage::exact(method, p, n, 0.95);
                // 4,000 experiments: standard error at most 0.0079; one in 20,000 is 4 of them away.
                let drawn = coverage::simulated(method, p, n, 0.95, 4000, 11);
                assert!((exact - drawn).abs() < 0.032, "{method:?} {p} {n}: {exact} {drawn}");
                let text = format!("{:.1}", 100.0 * exact);
                cells.push(if exact < 0.93 { format!("**{text}**") } else { text });
            }
            table.rows.push(cells);
        }
    }
    agrees("coverage", &table.markdown());
}

#[test]
fn the_table_of_detectable_differences_is_computed() {
    let mut table = Table::new(
        1,
        &["problems", "half width at 50 %", "from 20 %", "from 50 %", "from 80 %", "from 90 %"],
    );
    for n in [30, 60, 500, 572, 1319, 5000] {
        let mut cells = vec![n.to_string()];
        cells.push(format!("{:.1}", 100.0 * interval::normal_half_width(n / 2, n, 0.95)));
        for p in [0.2, 0.5, 0.8, 0.9] {
            cells.push(
                power::detectable_difference(p, n, 0.05, 0.8)
                    .map_or("never".into(), |d| format!("+{:.1}", 100.0 * d)),
            );
        }
        table.rows.push(cells);
    }
    agrees("detectable", &table.markdown());
}
