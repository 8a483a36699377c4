//! All benchmarks as one table.
//!
//! Revisions are commits on the hub. `golds` and `content` were computed from the publishers' own repositories: GSM8K
//! from openai/grade-school-math, MATH-500 from openai/prm800k (the file's SHA-256 is also the hub's), MATH from the
//! original archive, AIME and OlympiadBench from QwenLM's evaluation repositories.

use super::source::{aime, gsm8k, math, math_500, math_hard, olympiad, openr1};
use super::{Benchmark, Hub, PromptStyle, Source};

const HENDRYCKS: &str = "EleutherAI/hendrycks_math";
const HENDRYCKS_REVISION: &str = "21a5633873b6a120296cce3e2df9d5550074f4a3";
const MATH_COLUMNS: &[&str] = &["problem", "level", "type", "solution"];
const GSM8K_REVISION: &str = "740312add88f781978c0658806c59bc2815b9866";

const MATH_500: Source = Source {
    hub: Hub {
        repo: "HuggingFaceH4/MATH-500",
        revision: "6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be",
        files: &["test.jsonl"],
        sha256: &["35dc41080a3680858b27fa7e0533d2d547825316fc5dafe5d316f4ccc5a06132"],
        split: "test",
    },
    local: "math500/test.jsonl",
    columns: &["problem", "solution", "answer", "subject", "level"],
    file_rows: &[500],
    repeats: false,
    item: math_500,
    golds: "55fc647f1c68fa45",
    content: "efa611af38f9018f",
};

const AIME_2024: Source = Source {
    hub: Hub {
        repo: "HuggingFaceH4/aime_2024",
        revision: "2fe88a2f1091d5048c0f36abc874fb997b3dd99a",
        files: &["data/train-00000-of-00001.parquet"],
        sha256: &["26139847601a5037c237d5928b195e7260ca8074cf4f264b794af42847f79ccf"],
        split: "train",
    },
    local: "aime2024/test_qwen25math.jsonl",
    columns: &["problem", "answer"],
    file_rows: &[30],
    repeats: false,
    item: aime,
    golds: "1224d8a1ed131501",
    content: "135fa4bc8a80bd17",
};

const AIME_2025: Source = Source {
    hub: Hub {
        repo: "opencompass/AIME2025",
        revision: "a6ad95f611d72cf628a80b58bd0432ef6638f958",
        files: &["aime2025-I.jsonl", "aime2025-II.jsonl"],
        sha256: &[
            "b91b3c96f05d9635d2a0692b124ebe023c1ff59cb19c074275e6c4b349d0659e",
            "16a2dcfbbf9db1b11f8a69a3ba5e4cac73e3641b19a37e2307e9c12240bbed5e",
        ],
        split: "test",
    },
    local: "aime2025/test_qwq.jsonl",
    columns: &["question", "answer"],
    file_rows: &[30],
    repeats: false,
    item: aime,
    golds: "b7dd1c17e5469bca",
    content: "89cd2e3098cd2f1f",
};

const GSM8K: Source = Source {
    hub: Hub {
        repo: "openai/gsm8k",
        revision: GSM8K_REVISION,
        files: &["main/test-00000-of-00001.parquet"],
        sha256: &[],
        split: "test",
    },
    local: "gsm8k/test.jsonl",
    columns: &["question", "answer"],
    file_rows: &[1319],
    repeats: false,
    item: gsm8k,
    golds: "43e1b963475c0874",
    content: "6fc9fea5774e806f",
};

const OLYMPIADBENCH: Source = Source {
    hub: Hub {
        repo: "Hothan/OlympiadBench",
        revision: "91184b52131e7fc9455fef848035173aea8cc01a",
        files: &["OlympiadBench/OE_TO_maths_en_COMP/OE_TO_maths_en_COMP.parquet"],
        sha256: &[],
        split: "train",
    },
    local: "olympiadbench/OE_TO_maths_en_COMP.json",
    columns: &["context", "question", "final_answer", "answer_type", "subfield"],
    // The hub's file has one row less than the original archive.
    file_rows: &[675, 674],
    repeats: false,
    item: olympiad,
    golds: "44526411f0e5a0e6",
    content: "f253f59d79028b8e",
};

const MATH_TRAIN: Source = Source {
    hub: Hub {
        repo: HENDRYCKS,
        revision: HENDRYCKS_REVISION,
        files: &[
            "algebra/train-00000-of-00001.parquet",
            "counting_and_probability/train-00000-of-00001.parquet",
            "geometry/train-00000-of-00001.parquet",
            "intermediate_algebra/train-00000-of-00001.parquet",
            "number_theory/train-00000-of-00001.parquet",
            "prealgebra/train-00000-of-00001.parquet",
            "precalculus/train-00000-of-00001.parquet",
        ],
        sha256: &[],
        split: "train",
    },
    local: "math/train.jsonl",
    columns: MATH_COLUMNS,
    file_rows: &[7500],
    repeats: false,
    item: math,
    golds: "ea31a863ff03ce7e",
    content: "fd702fb494eb20be",
};

const MATH_TRAIN_HARD: Source = Source {
    item: math_hard,
    golds: "b16434bad1270619",
    content: "6ab7a0925154c3d3",
    ..MATH_TRAIN
};

const MATH_TEST: Source = Source {
    hub: Hub {
        files: &[
            "algebra/test-00000-of-00001.parquet",
            "counting_and_probability/test-00000-of-00001.parquet",
            "geometry/test-00000-of-00001.parquet",
            "intermediate_algebra/test-00000-of-00001.parquet",
            "number_theory/test-00000-of-00001.parquet",
            "prealgebra/test-00000-of-00001.parquet",
            "precalculus/test-00000-of-00001.parquet",
        ],
        split: "test",
        ..MATH_TRAIN.hub
    },
    local: "math/test.jsonl",
    file_rows: &[5000],
    golds: "66a248b000e8bead",
    content: "814d2acd90e2ef95",
    ..MATH_TRAIN
};

const GSM8K_TRAIN: Source = Source {
    hub: Hub { files: &["main/train-00000-of-00001.parquet"], split: "train", ..GSM8K.hub },
    local: "gsm8k/train.jsonl",
    file_rows: &[7473],
    golds: "4caf7f02f8cfb140",
    content: "345137d0a8da4e43",
    ..GSM8K
};

/// OpenR1-Math-220k, the default configuration: problems with DeepSeek R1's solutions.
pub const OPENR1: Source = Source {
    hub: Hub {
        repo: "open-r1/OpenR1-Math-220k",
        revision: "e4e141ec9dea9f8326f4d347be56105859b2bd68",
        files: &[
            "data/train-00000-of-00010.parquet",
            "data/train-00001-of-00010.parquet",
            "data/train-00002-of-00010.parquet",
            "data/train-00003-of-00010.parquet",
            "data/train-00004-of-00010.parquet",
            "data/train-00005-of-00010.parquet",
            "data/train-00006-of-00010.parquet",
            "data/train-00007-of-00010.parquet",
            "data/train-00008-of-00010.parquet",
            "data/train-00009-of-00010.parquet",
        ],
        sha256: &[],
        split: "train",
    },
    local: "openr1-math-220k/train.parquet",
    columns: &["problem", "answer", "source"],
    file_rows: &[93_733],
    repeats: true,
    item: openr1,
    golds: "",
    content: "",
};

const fn world(name: &'static str, rows: usize, about: &'static str) -> Benchmark {
    let licence = "MIT OR Apache-2.0";
    Benchmark { name, rows, prompt: PromptStyle::Instruction, about, licence, source: None }
}

const fn real(
    name: &'static str,
    rows: usize,
    licence: &'static str,
    source: &'static Source,
    about: &'static str,
) -> Benchmark {
    Benchmark { name, rows, prompt: PromptStyle::Study, about, licence, source: Some(source) }
}

/// All benchmarks, in the order of reports.
pub const BENCHMARKS: &[Benchmark] = &[
    real("math-500", 500, "MIT", &MATH_500, "competition mathematics, five levels"),
    real("aime-2024", 30, "MAA", &AIME_2024, "AIME I and II of 2024, integers from 0 to 999"),
    real("aime-2025", 30, "MAA", &AIME_2025, "AIME I and II of 2025, integers from 0 to 999"),
    real("gsm8k", 1319, "MIT", &GSM8K, "grade school word problems, test split"),
    real(
        "olympiadbench",
        572,
        "Apache-2.0",
        &OLYMPIADBENCH,
        "olympiad problems in English, text only, numerical",
    ),
    real("math-train", 7500, "MIT", &MATH_TRAIN, "MATH, train split"),
    real(
        "math-train-hard",
        3994,
        "MIT",
        &MATH_TRAIN_HARD,
        "MATH, train split, levels 4 and 5: the study's training set",
    ),
    real("math-test", 5000, "MIT", &MATH_TEST, "MATH, test split; holds the problems of math-500"),
    real("gsm8k-train", 7473, "MIT", &GSM8K_TRAIN, "grade school word problems, train split"),
    real(
        "openr1-math",
        93_733,
        "Apache-2.0",
        &OPENR1,
        "problems of NuminaMath with solutions by DeepSeek R1",
    ),
    world("mini-math-500", 500, "arithmetic world, all five levels in MATH-500's proportions"),
    world("mini-aime-2024", 30, "arithmetic world, hardest level, 30 problems"),
    world("mini-aime-2025", 30, "arithmetic world, hardest level, 30 other problems"),
    world("mini-gsm8k", 1319, "arithmetic world, easy levels"),
    world("mini-olympiadbench", 572, "arithmetic world, hard levels"),
    world("mini-hard", 4500, "arithmetic world, hard levels, many problems"),
];

/// Names for several benchmarks at once: name and the benchmarks it stands for.
pub const SUITES: &[(&str, &[&str])] = &[
    ("study", &["math-500", "aime-2024", "aime-2025", "gsm8k", "olympiadbench"]),
    (
        "mini",
        &["mini-math-500", "mini-aime-2024", "mini-aime-2025", "mini-gsm8k", "mini-olympiadbench"],
    ),
];
