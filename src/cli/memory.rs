//! The memory of the device, for plans of training runs.

use std::path::Path;

use crate::learn::memory::GIB;

/// The memory that a run may use.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct MemoryArgs {
    /// Memory of the device in GiB (80 for an H100), for the plan that a run must fit in [default: on the CPU, this machine's]
    #[arg(long)]
    memory_gib: Option<f64>,
}

impl MemoryArgs {
    /// Bytes that a run on a device may use; `None` where nobody said and the device does not tell.
    pub fn available(&self, device: &str) -> Option<u64> {
        match self.memory_gib {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(gib) => Some((gib.max(0.0) * GIB) as u64),
            None if device == "cpu" => machine(),
            None => None,
        }
    }
}

/// Memory of this machine, or of the control group this process is in, where that is less.
fn machine() -> Option<u64> {
    let read = |path: &str| crate::disk::read_text(Path::new(path)).ok();
    let info = read("/proc/meminfo")?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let total = line.trim().trim_end_matches(" kB").parse::<u64>().ok()? << 10;
    let limit = read("/sys/fs/cgroup/memory.max").and_then(|text| text.trim().parse().ok());
    Some(total.min(limit.unwrap_or(u64::MAX)))
}
