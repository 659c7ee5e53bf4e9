//! The targets by a plain seeded program: `fuzz TARGET [--count N | --seconds N] [--seed N] [--corpus DIR]`, `fuzz TARGET FILE…`.
//! Deterministic: the same seed makes the same inputs. What is printed on a failure plays it again.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tidebook_fuzz::choices::Choices;
use tidebook_fuzz::{feed, json, number};

const USAGE: &str = "fuzz json|number|feed|all [--count N | --seconds N] [--seed N] [--corpus DIR] [FILE…]";
const TARGETS: [&str; 3] = ["json", "number", "feed"];

struct Wanted {
    targets: Vec<String>,
    count: u64,
    seconds: Option<u64>,
    seed: u64,
    corpus: Vec<Vec<u8>>,
    files: Vec<String>,
}

fn wanted() -> Result<Wanted, String> {
    let mut given = std::env::args().skip(1);
    let target = given.next().ok_or("which target?")?;
    let targets = match target.as_str() {
        "all" => TARGETS.map(String::from).to_vec(),
        one if TARGETS.contains(&one) => vec![target],
        other => return Err(format!("no target {other}")),
    };
    let mut wanted = Wanted { targets, count: 100_000, seconds: None, seed: 1, corpus: vec![], files: vec![] };
    while let Some(word) = given.next() {
        let mut value = || given.next().ok_or(format!("{word} what?"));
        let number = |text: String| text.replace('_', "").parse::<u64>().map_err(|error| format!("{text}: {error}"));
        match word.as_str() {
            "--count" => wanted.count = number(value()?)?,
            "--seconds" => (wanted.seconds, wanted.count) = (Some(number(value()?)?), u64::MAX),
            "--seed" => wanted.seed = number(value()?)?,
            "--corpus" => read_all(Path::new(&value()?), &mut wanted.corpus).map_err(|error| error.to_string())?,
            _ => wanted.files.push(word),
        }
    }
    Ok(wanted)
}

fn read_all(at: &Path, into: &mut Vec<Vec<u8>>) -> std::io::Result<()> {
    let mut entries: Vec<_> = std::fs::read_dir(at)?.collect::<Result<Vec<_>, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::path);
    for entry in entries {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, into)?;
        } else if path.extension().is_some_and(|ending| ending == "json" || ending == "jsonl") {
            // A line is a message, or a part of one that is still worth damaging.
            let bytes = std::fs::read(&path)?;
            into.extend(bytes.split(|&byte| byte == b'\n').filter(|line| line.len() > 1).map(<[u8]>::to_vec));
            into.push(bytes);
        }
    }
    into.retain(|one| one.len() < 1 << 15);
    Ok(())
}

fn play(target: &str, data: &[u8]) {
    match target {
        "json" => json::run(data),
        "number" => number::run(data),
        _ => feed::run(data),
    }
}

/// The `at`-th input of a seed.
fn input(target: &str, seed: u64, at: u64, corpus: &[Vec<u8>]) -> Vec<u8> {
    let start = [seed.to_le_bytes(), at.to_le_bytes()].concat();
    let how = &mut Choices::new(&start);
    // The bytes of the start are no choices: they are the same for many.
    for _ in 0..16 {
        how.byte();
    }
    match target {
        "json" => json::text(how, corpus),
        "number" => [&[if how.chance(70) { 0 } else { how.byte() }][..], &number::text(how)].concat(),
        _ => how.long().to_le_bytes().to_vec(),
    }
}

/// The input in a file of its own, to be given as FILE; where.
fn saved(name: &str, data: &[u8]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("artifacts");
    let file = folder.join(name);
    let done = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, data));
    done.map_or_else(|error| format!("not written: {error}"), |()| file.display().to_string())
}

fn run(target: &str, wanted: &Wanted) -> bool {
    let start = Instant::now();
    let limit = wanted.seconds.map(|seconds| Duration::from_secs(seconds / wanted.targets.len() as u64));
    let (mut done, mut bytes) = (0u64, 0u64);
    while done < wanted.count && limit.is_none_or(|limit| start.elapsed() < limit) {
        let data = input(target, wanted.seed, done, &wanted.corpus);
        bytes += data.len() as u64;
        done += 1;
        if catch_unwind(AssertUnwindSafe(|| play(target, &data))).is_err() {
            let saved = saved(&format!("{target}-{}-{}", wanted.seed, done - 1), &data);
            println!("{target}: FAILED at input {} of seed {}: {data:?} ({saved})", done - 1, wanted.seed);
            return false;
        }
    }
    let took = start.elapsed().as_secs_f64();
    println!(
        "{target}: {done} executions, {bytes} bytes, {took:.1} s, {:.0} executions/s, seed {}, no finding",
        done as f64 / took,
        wanted.seed
    );
    true
}

fn main() -> ExitCode {
    let wanted = match wanted() {
        Ok(wanted) => wanted,
        Err(what) => {
            eprintln!("{what}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if !wanted.files.is_empty() {
        for file in &wanted.files {
            let data = std::fs::read(file).unwrap_or_else(|error| panic!("{file}: {error}"));
            wanted.targets.iter().for_each(|target| play(target, &data));
            println!("{file}: in order");
        }
        return ExitCode::SUCCESS;
    }
    let all_in_order = wanted.targets.iter().all(|target| run(target, &wanted));
    if all_in_order { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
