//! What to change where a run does not fit.

use super::{Demand, GIB, MOMENTS, Moment};
use crate::error::{Error, Result};
use crate::learn::compute::{LoraConfig, Precision};

/// Refuses a run that needs more than `available` bytes, and says which settings would make it fit.
///
/// # Errors
/// It does not fit.
pub fn check(demand: &Demand, available: u64) -> Result<()> {
    let needed = demand.plan().peak();
    if needed <= available {
        return Ok(());
    }
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / GIB);
    let mut tried = demand.clone();
    let mut changes: Vec<String> = Vec::new();
    let mut fits = None;
    for remedy in REMEDIES {
        let before = tried.clone();
        let Some(change) = remedy(&mut tried, available) else { continue };
        let (alone, all) = (only(demand, *remedy, available), tried.plan().peak());
        if alone <= available {
            changes = vec![change];
            fits = Some(alone);
            break;
        }
        if all >= before.plan().peak() {
            tried = before;
            continue;
        }
        changes.push(change);
        if all <= available {
            fits = Some(all);
            break;
        }
    }
    let advice = match fits {
        Some(peak) => format!("set {}: it then needs {}", changes.join(" and "), gib(peak)),
        None => "no setting brings it below that: take a smaller model or a larger device".into(),
    };
    let problem =
        format!("the run needs {} and there are {}; {advice}", gib(needed), gib(available));
    Err(Error::config("memory", problem))
}

fn only(demand: &Demand, remedy: Remedy, available: u64) -> u64 {
    let mut alone = demand.clone();
    match remedy(&mut alone, available) {
        Some(_) => alone.plan().peak(),
        None => u64::MAX,
    }
}

/// A change of settings that saves memory; says what it changed.
type Remedy = fn(&mut Demand, u64) -> Option<String>;

/// From those that cost nothing but time to those that change what is learned.
const REMEDIES: &[Remedy] = &[fewer_slots, recompute, smaller_microbatch, offload, kahan, adapters];

fn recompute(demand: &mut Demand, _: u64) -> Option<String> {
    (!demand.compute.recompute).then(|| {
        demand.compute.recompute = true;
        "compute.recompute = true".into()
    })
}

fn smaller_microbatch(demand: &mut Demand, available: u64) -> Option<String> {
    let longest = demand.longest.max(1);
    if demand.compute.microbatch_tokens <= longest {
        return None;
    }
    while demand.compute.microbatch_tokens > longest && demand.plan().peak() > available {
        demand.compute.microbatch_tokens = (demand.compute.microbatch_tokens / 2).max(longest);
    }
    Some(format!("compute.microbatch_tokens = {}", demand.compute.microbatch_tokens))
}

fn fewer_slots(demand: &mut Demand, available: u64) -> Option<String> {
    let others = MOMENTS.iter().filter(|&&m| m != Moment::Generation);
    let plan = demand.plan();
    if plan.at(Moment::Generation) <= available && others.clone().any(|&m| plan.at(m) > available) {
        return None;
    }
    let first = demand.generation?.slots;
    let mut slots = first;
    while slots > 1 && demand.plan().at(Moment::Generation) > available {
        slots = slots * 3 / 4;
        demand.generation.as_mut()?.slots = slots.max(1);
    }
    (slots < first).then(|| format!("slots = {}", slots.max(1)))
}

fn offload(demand: &mut Demand, _: u64) -> Option<String> {
    let compute = &mut demand.compute;
    (compute.device != "cpu" && !compute.offload_optimizer).then(|| {
        compute.offload_optimizer = true;
        "compute.offload_optimizer = true".into()
    })
}

fn kahan(demand: &mut Demand, _: u64) -> Option<String> {
    let on_gpu = demand.compute.precision() == Precision::Mixed && demand.lora.is_none();
    on_gpu.then(|| {
        demand.compute.precision = Precision::Bfloat16Kahan;
        "compute.precision = \"bfloat16_kahan\"".into()
    })
}

fn adapters(demand: &mut Demand, _: u64) -> Option<String> {
    demand.lora.is_none().then(|| {
        let lora = LoraConfig::default();
        let change = format!("lora.rank = {}", lora.rank);
        demand.lora = Some(lora);
        change
    })
}
