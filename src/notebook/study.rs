//! A table of models and benchmarks, published or one's own, with the tests on it.

use super::{Content, Show};
use crate::error::{Error, Result};
use crate::plot::Svg;
use crate::report::ablation::{self, Ablation, Difference, spec};
use crate::report::{Table, html, p_value, points};
use crate::stats::Method;

/// An ablation with all its differences, tested and corrected together.
#[derive(Clone, Debug)]
pub struct Study {
    ablation: Ablation,
    found: Vec<Difference>,
}

impl Study {
    /// Reads a study; see `report ablation --help` for the forms.
    ///
    /// # Errors
    /// The file or a run that it names is missing or damaged, or two rows were asked different problems.
    pub fn read(path: &str) -> Result<Self> {
        let ablation = spec::read(&[path.into()])?;
        let found = ablation::differences(&ablation)?;
        Ok(Self { ablation, found })
    }

    /// Models x benchmarks: with normal intervals where somebody else published it that way, else Wilson's.
    ///
    /// # Errors
    /// Two rows were asked different problems.
    pub fn table(&self) -> Result<Table> {
        ablation::main_table(&self.ablation, self.method())
    }

    /// What the marks of the table mean.
    pub fn legend(&self) -> String {
        ablation::legend(&self.ablation, self.method())
    }

    fn method(&self) -> Method {
        if self.ablation.published { Method::Normal } else { Method::Wilson }
    }

    fn on(&self, benchmark: &str) -> Result<Vec<Difference>> {
        let baseline = self.ablation.baseline.as_deref().unwrap_or_default();
        let own = self.found.iter().filter(|d| d.benchmark == benchmark && d.b == baseline);
        let own: Vec<Difference> = own.cloned().collect();
        if own.is_empty() {
            let there: Vec<&str> =
                self.ablation.benchmarks.iter().map(|b| b.name.as_str()).collect();
            let there = there.join(", ");
            let problem = format!("no row is compared with a baseline: benchmarks are {there}");
            return Err(Error::data(benchmark, problem));
        }
        Ok(own)
    }

    /// Every row less the baseline on one benchmark. The corrected p-values belong to the family of all differences.
    ///
    /// # Errors
    /// There is no such benchmark, or no baseline.
    pub fn against_baseline(&self, benchmark: &str) -> Result<Table> {
        let head = [self.ablation.label(benchmark), "points", "95 % interval", "p", "p corrected"];
        let mut table = Table::new(1, &head);
        table.head.push("conclusion".into());
        for d in self.on(benchmark)? {
            let e = &d.compared.difference;
            table.rows.push(vec![
                d.a.clone(),
                points(e.value),
                format!("{} to {}", points(e.lo), points(e.hi)),
                p_value(d.compared.p),
                p_value(d.holm),
                d.conclusion().to_string(),
            ]);
        }
        Ok(table)
    }

    /// The same as dots with their intervals.
    ///
    /// # Errors
    /// As [`Study::against_baseline`].
    pub fn figure(&self, benchmark: &str) -> Result<Svg> {
        ablation::differences::figure(&self.ablation, &self.on(benchmark)?)
    }

    /// The claims in words, each with what the tests say.
    pub fn claims(&self) -> Table {
        ablation::differences::claims_table(&self.ablation, &self.found)
    }
}

impl Show for Study {
    fn content(&self) -> Content {
        match self.table() {
            Ok(table) => {
                let (table, legend) = (table.content(), self.legend());
                let rich = format!("{}<p>{}</p>\n", table.rich, html::inline(&legend));
                Content::html(rich, format!("{}\n{legend}", table.plain))
            }
            Err(error) => Content::text(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_study_has_its_table_tests_and_claims() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/results/published/study.toml");
        let study = Study::read(path).unwrap();
        let shown = study.content().plain;
        assert!(shown.contains("79.4% \u{b1}3.5"), "{shown}"); // as the study prints it
        let table = study.against_baseline("aime2024").unwrap();
        // GRPO v1 has 9 of 30, the baseline 6 of 30.
        let row = table.rows.iter().find(|row| row[0] == "Direct RL (GRPO v1)").unwrap();
        assert_eq!(row[1], "+10.0");
        assert!(study.figure("aime2024").is_ok());
        assert!(!study.claims().rows.is_empty());
        let message = study.against_baseline("aime").unwrap_err().to_string();
        assert!(message.contains("benchmarks are math500, aime2024"), "{message}");
    }
}
