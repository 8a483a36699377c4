//! `report` as a user meets it.

use std::path::Path;
use std::process::Command;

fn refusal(run: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_report")).arg("eval").arg(run).output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert_eq!(text.trim_end().lines().count(), 1, "one line: {text}");
    text
}

#[test]
fn an_unfinished_run_is_not_reported() {
    let dir = tempfile::tempdir().unwrap();
    assert!(refusal(dir.path()).contains("this run is not finished (no file DONE)"));
    assert!(refusal(&dir.path().join("none")).contains("there is no such run"));
    std::fs::write(dir.path().join("DONE"), "").unwrap();
    assert!(refusal(dir.path()).contains("records.parquet: No such file"));
    std::fs::write(dir.path().join("records.parquet"), "PAR1 but not really").unwrap();
    assert!(refusal(dir.path()).contains("records.parquet: is not a parquet file"));
}

#[test]
fn report_never_loads_libtorch() {
    let binary = std::fs::read(env!("CARGO_BIN_EXE_report")).unwrap();
    let names = |wanted: &[u8]| binary.windows(wanted.len()).any(|window| window == wanted);
    assert!(!names(b"libtorch_cpu.so"), "report is linked with libtorch");
    assert!(names(b"libc.so.6"), "names of libraries are found as they are looked for here");
}
