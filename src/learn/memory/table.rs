//! The plan as a table for people.

use std::fmt::Write;

use super::{GIB, MOMENTS, MemoryPlan, Moment};

/// `4022468096` as `4,022,468,096`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn name(moment: Moment) -> &'static str {
    match moment {
        Moment::Head => "head",
        Moment::Layers => "layers",
        Moment::Update => "update",
        Moment::Generation => "generation",
    }
}

impl MemoryPlan {
    /// A markdown table: a line per part, a column per moment, in GiB (2^30 bytes), the arithmetic at the end.
    pub fn table(&self) -> String {
        let moments: Vec<Moment> = MOMENTS
            .into_iter()
            .filter(|m| *m != Moment::Generation || self.bytes("key-value cache") > 0)
            .collect();
        let mut text = String::from("| GiB |");
        for &moment in &moments {
            let _ = write!(text, " {} |", name(moment));
        }
        text.push_str(" arithmetic |\n|---|");
        text.push_str(&"---:|".repeat(moments.len()));
        text.push_str("---|\n");
        for row in &self.rows {
            let _ = write!(text, "| {} |", row.what);
            for moment in &moments {
                if row.moments.contains(moment) {
                    let _ = write!(text, " {:.2} |", row.bytes as f64 / GIB);
                } else {
                    text.push_str(" |");
                }
            }
            let _ = writeln!(text, " {} |", row.how);
        }
        text.push_str("| **in all** |");
        for &moment in &moments {
            let _ = write!(text, " **{:.2}** |", self.at(moment) as f64 / GIB);
        }
        text.push_str(" |\n");
        text
    }
}
