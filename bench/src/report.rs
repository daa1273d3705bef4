//! Tables in Markdown, for the terminal and for docs/benchmarks.md.

use std::fmt::Write;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::peers::{BARE, Peer, SWITCHBOARD, TWO_WORKERS, output, root_folder};
use crate::rows::{Busy, Case, Row, Sample};
use crate::stats::Spread;

/// Above this share of a core a side counts as the one that limits a rate.
const SATURATED: f64 = 0.95;
/// Above this share of time without its core a run counts as disturbed.
const DISTURBED: f64 = 0.05;

/// The samples that one server gave in one row: by run, then by case.
pub(crate) struct Results {
    pub(crate) peer: &'static Peer,
    pub(crate) runs: Vec<Vec<Sample>>,
}

impl Results {
    fn samples(&self, case: usize) -> impl Iterator<Item = &Sample> {
        self.runs.iter().filter_map(move |run| run.get(case))
    }

    fn values(&self, case: usize, column: usize) -> impl Iterator<Item = f64> {
        self.samples(case).filter_map(move |sample| sample.values.get(column).copied())
    }

    fn busy(&self, case: usize) -> Option<Busy> {
        let all: Option<Vec<Busy>> = self.samples(case).map(|sample| sample.busy).collect();
        let all = all.filter(|all| !all.is_empty())?;
        let median = |share: fn(&Busy) -> f64| Spread::of(all.iter().map(share)).median;
        Some(Busy {
            server: median(|busy| busy.server),
            generator: median(|busy| busy.generator),
            disturbed: median(|busy| busy.disturbed),
        })
    }
}

/// All tables of a row.
pub(crate) fn tables(row: &Row, results: &[Results]) -> Result<String> {
    let mut text = String::new();
    for (number, case) in row.cases.iter().enumerate() {
        table(case, number, results, &mut text)?;
    }
    Ok(text)
}

fn table(case: &Case, number: usize, results: &[Results], text: &mut String) -> Result<()> {
    let ours = results.iter().find(|results| [&SWITCHBOARD, &TWO_WORKERS].contains(&results.peer));
    let is_loaded = results.iter().any(|results| results.busy(number).is_some());
    writeln!(text, "\n### {}\n", case.title)?;
    let mut heading = String::from("| server |");
    for column in &case.columns {
        write!(heading, " {} |", column.title)?;
        if column.is_compared {
            heading.push_str(" ours ÷ it |");
        }
    }
    if is_loaded {
        heading.push_str(" server busy | generator busy |");
    }
    writeln!(
        text,
        "{heading}\n|---|{}",
        "---:|".repeat(heading.matches('|').count().saturating_sub(2))
    )?;
    for theirs in results {
        write!(text, "| {} |", theirs.peer.name)?;
        for (place, column) in case.columns.iter().enumerate() {
            write!(text, " {} |", cell(Spread::of(theirs.values(number, place)), column.decimals))?;
            if column.is_compared {
                write!(text, " {} |", ratio(ours, theirs, number, place))?;
            }
        }
        if let Some(busy) = theirs.busy(number) {
            write!(text, " {:.0}% | {:.0}% |", busy.server * 100.0, busy.generator * 100.0)?;
        }
        text.push('\n');
    }
    text.push_str(&limits(case, number, results)?);
    Ok(())
}

/// Median, and the range where there were several runs.
fn cell(spread: Spread, decimals: usize) -> String {
    let number = |value: f64| grouped(value, decimals);
    if spread.min.to_bits() == spread.max.to_bits() {
        return number(spread.median);
    }
    format!("{} ({}–{})", number(spread.median), number(spread.min), number(spread.max))
}

/// The ratios of the runs, each to the run of the peer beside it: median and range.
fn ratio(ours: Option<&Results>, theirs: &Results, case: usize, column: usize) -> String {
    let Some(ours) = ours.filter(|ours| ours.peer != theirs.peer) else { return String::new() };
    let pairs = ours.values(case, column).zip(theirs.values(case, column));
    cell(Spread::of(pairs.map(|(our, their)| our / their)), 2)
}

/// Says whether the generator or other programs limited a rate, and how much more the generator can do.
fn limits(case: &Case, number: usize, results: &[Results]) -> Result<String> {
    let mut text = String::new();
    for theirs in results {
        if let Some(busy) = theirs.busy(number)
            && busy.generator > SATURATED
            && busy.server < SATURATED
        {
            writeln!(
                text,
                "\n**{}: the generator was the limit here** ({:.0}% busy, the server {:.0}%): its rate is a lower bound, and \
                 its cost too high.",
                theirs.peer.name,
                busy.generator * 100.0,
                busy.server * 100.0
            )?;
        }
    }
    for theirs in results {
        if let Some(busy) = theirs.busy(number).filter(|busy| busy.disturbed > DISTURBED) {
            let (name, share) = (theirs.peer.name, busy.disturbed * 100.0);
            writeln!(
                text,
                "\n**{name}: disturbed**: {share:.0}% of the time something else held a core."
            )?;
        }
    }
    for (place, column) in case.columns.iter().enumerate().filter(|(_, column)| column.is_rate) {
        let rate = |theirs: &Results| Spread::of(theirs.values(number, place)).median;
        let floor = results.iter().find(|theirs| theirs.peer == &BARE).map(rate);
        let servers = results.iter().filter(|theirs| theirs.peer != &BARE);
        let fastest = servers.max_by(|a, b| rate(a).total_cmp(&rate(b)));
        if let (Some(floor), Some(fastest)) = (floor, fastest) {
            writeln!(
                text,
                "\nThe same generator took {} {} from the bare floor: {:.2} times the rate of the fastest server ({}).",
                grouped(floor, column.decimals),
                column.title,
                floor / rate(fastest),
                fastest.peer.name
            )?;
        }
    }
    Ok(text)
}

/// `12,345.6`.
fn grouped(value: f64, decimals: usize) -> String {
    let plain = format!("{value:.decimals$}");
    let (whole, fraction) =
        plain.split_once('.').map_or((plain.as_str(), None), |(a, b)| (a, Some(b)));
    let mut text = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) && !text.ends_with('-') {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// Where, when and with what a row was measured.
pub(crate) fn circumstances(command: &str, runs: usize) -> Result<String> {
    let info = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map(|model| model.trim_matches([':', ' ', '\t']));
    let memory = std::fs::read_to_string("/proc/meminfo")?;
    let kilobytes =
        memory.split_whitespace().nth(1).and_then(|number| number.parse::<u64>().ok()).unwrap_or(0);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let git =
        |arguments: &[&str]| output(Command::new("git").args(arguments).current_dir(root_folder()));
    let commit = git(&["rev-parse", "--short=10", "HEAD"])?;
    // The report itself is allowed to differ: each row rewrites it.
    let is_clean = git(&["status", "--porcelain", "--", ".", ":!docs/benchmarks.md"])?.is_empty();
    let date = output(Command::new("date").args(["-u", "+%Y-%m-%d %H:%M UTC"]))?;
    let rust = output(Command::new("rustc").arg("--version"))?;
    let cores = info.lines().filter(|line| line.starts_with("processor")).count();
    Ok(format!(
        "{date}, commit {commit}{}, `{command}`, {runs} interleaved run{}. {}, {cores} cores, {} GiB; Linux {}; {rust}.\n",
        if is_clean { "" } else { " with local changes" },
        if runs == 1 { "" } else { "s" },
        model.unwrap_or("unknown processor"),
        (kilobytes + 512 * 1024) / (1024 * 1024),
        kernel.trim(),
    ))
}

/// Which servers took part, with their versions.
pub(crate) fn versions(peers: &[&Peer]) -> Result<String> {
    let names: Result<Vec<String>> =
        peers.iter().map(|peer| Ok(format!("{} ({})", peer.name, peer.version()?))).collect();
    Ok(format!("Servers: {}.\n", names?.join("; ")))
}

/// Replaces the generated part of docs/benchmarks.md that belongs to `row`.
///
/// # Errors
/// The document lacks the markers `<!-- begin: ROW -->` and `<!-- end: ROW -->`.
pub(crate) fn publish(row: &str, text: &str) -> Result<PathBuf> {
    let path = root_folder().join("docs/benchmarks.md");
    let document =
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {path:?}"))?;
    std::fs::write(
        &path,
        replaced(&document, row, text)
            .with_context(|| format!("{path:?} has no place for {row}"))?,
    )?;
    Ok(path)
}

fn replaced(document: &str, row: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- begin: {row} -->\n"), format!("<!-- end: {row} -->"));
    let (before, rest) = document.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let texts =
            [(0.5, 2), (999.0, 0), (1000.0, 0), (1234567.891, 1), (-123.0, 0), (f64::NAN, 0)];
        let texts = texts.map(|(value, decimals)| grouped(value, decimals));
        assert_eq!(texts, ["0.50", "999", "1,000", "1,234,567.9", "-123", "NaN"]);
    }

    #[test]
    fn only_the_part_between_the_markers_of_the_row_is_replaced() {
        let document =
            "a\n<!-- begin: x -->\nold\n<!-- end: x -->\nb\n<!-- begin: y -->\n<!-- end: y -->\n";
        let new = replaced(document, "x", "new\n").unwrap();
        assert_eq!(new, document.replace("old", "new"));
        assert!(replaced(document, "z", "new\n").is_none());
    }
}
