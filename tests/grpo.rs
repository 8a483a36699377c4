//! The GRPO loop on the bandit: every loss learns, and a killed run ends as one that was not killed.

use std::path::Path;

use howard::advantage::Advantage;
use howard::answer::Grader;
use howard::error::{Error, Result};
use howard::learn::Learner;
use howard::learn::bandit::Bandit;
use howard::learn::grpo::{
    self, GroupRow, GrpoOptions, GrpoRow, Pending, Plan, Problems, State, StepLog,
};
use howard::loss::{KlEstimator, Loss, Normalisation, Objective};
use howard::progress::{Progress, Silent};
use howard::reward::RewardConfig;
use howard::rng::Seed;
use howard::types::{Problem, ProblemId, SamplingParams};

/// After `n` the right token is `n + 1`; a completion is one token. The bandit's answers stand in no box, so that the
/// grader is handed numbers only through a problem source of its own.
fn problems() -> Problems {
    let problems = (1..6u32)
        .map(|n| Problem {
            id: ProblemId(format!("toy:{n}")),
            text: n.to_string(),
            gold: (n + 1).to_string(),
            level: Some(1),
            subject: None,
        })
        .collect();
    Problems::File { problems, seed: Seed(3) }
}

fn options(steps: u64) -> GrpoOptions {
    GrpoOptions {
        steps,
        prompts_per_step: 5,
        group_size: 16,
        learning_rate: 1.0,
        prompt: howard::bench::PromptStyle::Bare,
        sampling: SamplingParams { max_tokens: 1, ..SamplingParams::default() },
        ..GrpoOptions::default()
    }
}

struct Run {
    rows: Vec<GrpoRow>,
    groups: Vec<GroupRow>,
}

fn train(
    bandit: &mut Bandit,
    options: &GrpoOptions,
    objective: &Objective,
    state: State,
    pending: &mut Pending,
    mut stop: impl FnMut(&mut Bandit, &StepLog) -> Result<()>,
) -> (Run, Result<()>) {
    let mut run = Run { rows: Vec::new(), groups: Vec::new() };
    let plan = Plan {
        options,
        objective,
        reward: &RewardConfig::default(),
        grader: &Grader::default(),
        problems: &problems(),
        seed: 11,
    };
    let outcome = grpo::run(
        bandit,
        &plan,
        state,
        pending,
        &mut Silent,
        &mut |bandit, log, _: &mut dyn Progress| {
            stop(bandit, log)?;
            run.rows.push(log.row.clone());
            run.groups.extend(log.groups.iter().map(|group| GroupRow::of(log.row.step, group)));
            Ok(())
        },
    );
    (run, outcome)
}

/// Probability of the right answer, averaged over problems.
fn skill(bandit: &mut Bandit) -> f64 {
    (1..6u32).map(|n| bandit.policy().probabilities(n)[n as usize + 1]).sum::<f64>() / 5.0
}

#[test]
fn every_loss_learns_from_chance_to_nine_in_ten() {
    let clip = (0.2, 0.28);
    let losses = [
        Loss::ImportanceSampling,
        Loss::Ppo { clip_low: clip.0, clip_high: clip.1, dual_clip: 3.0 },
        Loss::DrGrpo { clip_low: clip.0, clip_high: clip.1 },
        Loss::Dapo { clip_low: clip.0, clip_high: clip.1 },
        Loss::Gspo { clip_low: clip.0, clip_high: clip.1 },
        Loss::Cispo { max_ratio: 5.0 },
    ];
    let advantages = [
        Advantage::Centred,
        Advantage::Standardised,
        Advantage::LeaveOneOut,
        Advantage::MeanNormalised,
    ];
    for (loss, advantage) in losses.iter().flat_map(|l| advantages.map(|a| (l.clone(), a))) {
        let objective =
            Objective { normalisation: Normalisation::Completions, ..Objective::of(loss) };
        let options =
            GrpoOptions { advantage, optimizer_steps: 2, learning_rate: 3.0, ..options(150) };
        let mut bandit = Bandit::new(8);
        assert!((skill(&mut bandit) - 0.125).abs() < 1e-12);
        let (run, outcome) = train(
            &mut bandit,
            &options,
            &objective,
            State::default(),
            &mut Pending::none(),
            |_, _| Ok(()),
        );
        outcome.unwrap();
        let after = skill(&mut bandit);
        assert!(after > 0.9, "{objective:?} {advantage:?}: {after}");
        assert!(run.rows[0].reward < 0.3 && run.rows[149].reward > 0.85, "{objective:?}");
        assert!(run.rows.iter().all(|row| row.gap_max < 1e-6), "the bandit samples what it learns");
    }
}

#[test]
fn a_kl_term_keeps_the_policy_near_its_reference() {
    let with = |kl_coefficient, kl_estimator| {
        let objective = Objective {
            kl_coefficient,
            kl_estimator,
            normalisation: Normalisation::Completions,
            ..Objective::default()
        };
        let mut bandit = Bandit::new(8);
        let (run, outcome) = train(
            &mut bandit,
            &options(100),
            &objective,
            State::default(),
            &mut Pending::none(),
            |_, _| Ok(()),
        );
        outcome.unwrap();
        (skill(&mut bandit), run.rows[99].kl)
    };
    let (free, none) = with(0.0, KlEstimator::K3);
    assert_eq!(none, 0.0);
    for estimator in [KlEstimator::K2, KlEstimator::K3] {
        let (held, kl) = with(0.5, estimator);
        assert!(held < free - 0.1 && kl > 0.0, "{estimator:?}: {held} {free} {kl}");
    }
}

#[test]
fn groups_with_nothing_to_teach_are_dropped_refilled_and_reported() {
    // A bandit that knows one answer by heart: its groups are all right.
    let mut bandit = Bandit::new(8);
    let options = GrpoOptions { steps: 60, learning_rate: 20.0, patience: 2, ..options(60) };
    let objective = Objective { normalisation: Normalisation::Completions, ..Objective::default() };
    let mut warned = Vec::new();
    let (run, outcome) = train(
        &mut bandit,
        &options,
        &objective,
        State::default(),
        &mut Pending::none(),
        |_, log| {
            warned.extend(log.warnings.clone());
            Ok(())
        },
    );
    outcome.unwrap();
    let last = run.rows.last().unwrap();
    assert_eq!((last.num_sequences, last.optimizer_steps), (0, 0), "{last:?}");
    assert_eq!(last.frac_reward_zero_std, 1.0);
    assert!(
        warned.iter().any(|w| w.contains("nothing is learned; give harder problems")),
        "{warned:?}"
    );
    // Every completion here is one token of one allowed: most are cut.
    assert!(warned.iter().any(|w| w.contains("raise train.sampling.max_tokens")), "{warned:?}");

    let refilled = GrpoOptions { refill_rounds: 3, prompts_per_step: 2, ..options };
    let mut fresh = Bandit::new(8);
    let (run, outcome) =
        train(&mut fresh, &refilled, &objective, State::default(), &mut Pending::none(), |_, _| {
            Ok(())
        });
    outcome.unwrap();
    assert!(run.rows.iter().any(|row| row.num_groups > 2), "some step was refilled");
    assert!(run.rows.iter().all(|row| row.num_groups <= 8));
}

/// Stopped at many places, each time resumed from the last checkpoint: rows and table are those of an uninterrupted run.
#[test]
fn a_run_that_stops_anywhere_ends_as_one_that_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let options = GrpoOptions { refill_rounds: 1, prompts_per_step: 3, ..options(12) };
    let objective = Objective { normalisation: Normalisation::Tokens, ..Objective::default() };
    let mut whole = Bandit::new(8);
    let (expected, outcome) =
        train(&mut whole, &options, &objective, State::default(), &mut Pending::none(), |_, _| {
            Ok(())
        });
    outcome.unwrap();
    for stop_at in 0..12u64 {
        let checkpoint = dir.path().join(format!("stop_{stop_at}"));
        let pending_path = dir.path().join(format!("pending_{stop_at}.jsonl"));
        let mut rows = Vec::new();
        let mut groups = Vec::new();
        let mut saved = 0;
        // First attempt: saves every third step, dies in the middle of `stop_at`, after its rollouts were written.
        let mut bandit = Bandit::new(8);
        let mut pending = Pending::open(&pending_path).unwrap();
        let (run, outcome) = train(
            &mut bandit,
            &options,
            &objective,
            State::default(),
            &mut pending,
            |bandit, log| {
                if log.row.step == stop_at {
                    return Err(Error::data("power", "gone"));
                }
                if (log.row.step + 1) % 3 == 0 {
                    bandit.save(&checkpoint)?;
                    saved = log.row.step + 1;
                }
                Ok(())
            },
        );
        assert!(outcome.is_err());
        rows.extend(run.rows);
        groups.extend(run.groups);
        // A line that the kill cut short.
        let mut text = std::fs::read_to_string(&pending_path).unwrap_or_default();
        text.truncate(text.len().saturating_sub(7));
        std::fs::write(&pending_path, text).unwrap();

        let mut again = Bandit::new(8);
        if saved > 0 {
            again.resume(Path::new(&checkpoint), saved).unwrap();
        }
        rows.retain(|row: &GrpoRow| row.step < saved);
        groups.retain(|row: &GroupRow| row.step < saved);
        let state = State::of_rows(saved, &rows, &groups);
        let mut pending = Pending::open(&pending_path).unwrap();
        let (rest, outcome) =
            train(&mut again, &options, &objective, state, &mut pending, |_, _| Ok(()));
        outcome.unwrap();
        rows.extend(rest.rows);
        assert_eq!(rows, expected.rows, "stopped at {stop_at}");
        for n in 0..8 {
            assert_eq!(
                again.policy().probabilities(n),
                whole.policy().probabilities(n),
                "stopped at {stop_at}"
            );
        }
    }
}

/// The names that TRL 1.16 and tinker-cookbook write, so that dashboards made for them show these runs.
#[test]
fn rows_have_the_names_that_dashboards_know() {
    let row = serde_json::to_value(GrpoRow::default()).unwrap();
    let names = [
        "reward",
        "reward_std",
        "frac_reward_zero_std",
        "rewards/correct/mean",
        "rewards/correct/std",
        "completions/mean_length",
        "completions/min_length",
        "completions/max_length",
        "completions/clipped_ratio",
        "completions/mean_terminated_length",
        "completions/min_terminated_length",
        "completions/max_terminated_length",
        "kl",
        "entropy",
        "clip_ratio/low_mean",
        "clip_ratio/high_mean",
        "clip_ratio/region_mean",
        "sampling/sampling_logp_difference/mean",
        "sampling/sampling_logp_difference/max",
        "sampling/importance_sampling_ratio/min",
        "sampling/importance_sampling_ratio/mean",
        "sampling/importance_sampling_ratio/max",
        "num_tokens",
        "grad_norm",
        "learning_rate",
        "env/all/correct",
        "env/all/by_group/frac_mixed",
        "env/all/by_group/frac_all_good",
        "env/all/by_group/frac_all_bad",
        "optim/kl_sample_train_v1",
        "optim/kl_sample_train_v2",
        "progress/done_frac",
    ];
    for name in names {
        assert!(row[name].is_number(), "{name}");
    }
}

/// Rows by hand: two groups of two, rewards 1, 0 and 0, 0; lengths 2, 4, 1, 3, the last one cut.
#[test]
fn a_row_by_hand() {
    use howard::reward::Reward;
    use howard::rollout::{Group, Rollout};
    use howard::types::{Completion, Finish, PolicyVersion, Verdict};
    let rollout = |reward: f64, tokens: usize, finish| Rollout {
        completion: Completion {
            problem: ProblemId("x:1".into()),
            sample: 0,
            prompt_ids: vec![1],
            ids: vec![1; tokens],
            logprobs: Some(vec![0.0; tokens]),
            usage: None,
            text: String::new(),
            finish,
            version: PolicyVersion(0),
            seconds: 0.0,
        },
        verdict: if reward > 0.0 { Verdict::Correct } else { Verdict::Wrong },
        answer: None,
        reward: Reward { total: reward, correct: reward, ..Reward::default() },
    };
    let group = |rollouts| Group {
        problem: Problem {
            id: ProblemId("x:1".into()),
            text: String::new(),
            gold: String::new(),
            level: None,
            subject: None,
        },
        rollouts,
    };
    let groups = [
        group(vec![rollout(1.0, 2, Finish::Stop), rollout(0.0, 4, Finish::Stop)]),
        group(vec![rollout(0.0, 1, Finish::Stop), rollout(0.0, 3, Finish::Length)]),
    ];
    let row = GrpoRow::of_groups(4, 10, 7, &groups);
    let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a} {b}");
    close(row.done, 0.5);
    close(row.reward, 0.25);
    // Deviations 0.75, -0.25 three times: sqrt(0.75 / 3).
    close(row.reward_std, 0.5);
    close(row.reward_correct_std, 0.5);
    close(row.frac_reward_zero_std, 0.5);
    close(row.frac_mixed, 0.5);
    close(row.frac_all_bad, 0.5);
    close(row.frac_all_good, 0.0);
    close(row.mean_length, 2.5);
    close(row.mean_terminated_length, 7.0 / 3.0);
    assert_eq!((row.min_length, row.max_length), (1, 4));
    assert_eq!((row.min_terminated_length, row.max_terminated_length), (1, 4));
    close(row.clipped_ratio, 0.25);
    assert_eq!((row.cursor, row.num_groups), (7, 2));
}
