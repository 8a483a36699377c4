//! Groups of answers as GRPO sees them.

use super::{Content, Show};
use crate::advantage::Advantage;
use crate::report::Table;
use crate::rollout::Group;

/// A row per group: the problem, the rewards of its answers, and the advantages that follow from them.
impl Show for Vec<Group> {
    fn content(&self) -> Content {
        let mut table = Table::new(4, &["problem", "level", "rewards", "advantages"]);
        for group in self {
            let rewards = group.rewards();
            let advantages = Advantage::Centred.of(&rewards);
            let rewards: Vec<String> = rewards.iter().map(|r| format!("{r}")).collect();
            let advantages: Vec<String> = advantages.iter().map(|a| format!("{a:+.2}")).collect();
            table.rows.push(vec![
                group.problem.text.clone(),
                group.problem.level.map_or_else(|| "-".into(), |level| level.to_string()),
                rewards.join(" "),
                advantages.join(" "),
            ]);
        }
        table.content()
    }
}
