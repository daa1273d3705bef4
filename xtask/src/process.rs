//! Child processes: each is echoed before it starts, and none outlives us.
//!
//! Test runners start servers and browsers, some in process groups of their own. So each child gets
//! a mark in its environment, which its own children inherit; whoever still carries the mark when
//! the child has ended, or its time is up, is killed.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::Result;

/// Runs a command in our own process group, so that Ctrl-C and password prompts reach it.
///
/// # Errors
///
/// It could not start, did not exit with 0, or the deadline of [`no_later_than`] came first.
pub(crate) fn run(command: &mut Command) -> Result {
    let (family, child) = start(command)?;
    let status = wait(child, None)?;
    drop(family);
    match status {
        Some(status) if status.success() => Ok(()),
        Some(status) => Err(format!("`{}` ended with {status}", echo(command)).into()),
        None => Err(format!("`{}` was stopped: out of time", echo(command)).into()),
    }
}

/// The standard output of a command that is expected to succeed quietly.
///
/// # Errors
///
/// It could not start, did not exit with 0, or did not write UTF-8.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("`{}`: {error}", echo(command)))?;
    if !output.status.success() {
        return Err(format!("`{}` ended with {}", echo(command), output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Runs a command in a process group of its own, showing and keeping everything that it writes.
///
/// # Errors
///
/// It could not start. How it ended is for the caller to judge.
pub(crate) fn watch(command: &mut Command, time: Duration) -> Result<Outcome> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let (family, mut child) = start(command)?;
    let (lines, seen) = channel();
    if let Some(pipe) = child.stdout.take() {
        pass_on(pipe, lines.clone());
    }
    if let Some(pipe) = child.stderr.take() {
        pass_on(pipe, lines);
    }
    let shown = thread::spawn(move || show(&seen));
    let status = wait(child, Some(time));
    drop(family);
    let output = shown.join().unwrap_or_default();
    Ok(Outcome { output, status: status? })
}

/// What a watched command wrote, and how it ended: `None` if its time was up.
pub(crate) struct Outcome {
    pub(crate) output: String,
    pub(crate) status: Option<ExitStatus>,
}

/// From `deadline` on, running children are killed and no new ones start.
pub(crate) fn no_later_than(deadline: Instant) {
    *lock(&DEADLINE) = Some(deadline);
}

/// Makes Ctrl-C, SIGTERM and SIGHUP end our children before us.
///
/// # Errors
///
/// The operating system refuses the handlers.
pub(crate) fn end_children_on_signals() -> Result {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let families = std::mem::take(&mut *lock(&FAMILIES));
            families.iter().for_each(|mark| kill(mark));
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// A command as one would type it.
pub(crate) fn echo(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|it| it.to_string_lossy().into_owned()).collect();
    words.join(" ")
}

/// A child and all that descend from it; dropping it kills whoever is left.
struct Family {
    mark: String,
}

impl Drop for Family {
    fn drop(&mut self) {
        lock(&FAMILIES).retain(|it| *it != self.mark);
        kill(&self.mark);
    }
}

fn start(command: &mut Command) -> Result<(Family, Child)> {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let number = STARTED.fetch_add(1, Ordering::Relaxed);
    let mark = format!("{}.{number}", std::process::id());
    if lock(&DEADLINE).is_some_and(|it| it <= Instant::now()) {
        return Err(format!("`{}` was not started: out of time", echo(command)).into());
    }
    println!("$ {}", echo(command));
    let child = command.env(MARK, &mark).spawn();
    let child = child.map_err(|error| format!("could not start `{}`: {error}", echo(command)))?;
    lock(&FAMILIES).push(mark.clone());
    Ok((Family { mark }, child))
}

fn wait(mut child: Child, time: Option<Duration>) -> Result<Option<ExitStatus>> {
    let own = time.map(|it| Instant::now() + it);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let now = Instant::now();
        if own.into_iter().chain(*lock(&DEADLINE)).any(|it| it <= now) {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn pass_on(pipe: impl Read + Send + 'static, lines: Sender<String>) {
    thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|it| 0 < it) {
            if lines.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
}

/// Ends when both pipes are closed. Whoever holds them open is of the family and gets killed.
fn show(lines: &Receiver<String>) -> String {
    let mut output = String::new();
    loop {
        match lines.recv_timeout(Duration::from_secs(60)) {
            Ok(line) => {
                print!("{line}");
                output.push_str(&line);
            }
            Err(RecvTimeoutError::Timeout) => (),
            Err(RecvTimeoutError::Disconnected) => return output,
        }
    }
}

/// Kills every process that carries the mark, again until nobody does.
fn kill(mark: &str) {
    for _round in 0..10 {
        let carriers = carriers(mark);
        if carriers.is_empty() {
            return;
        }
        // The shell's own `kill`: the program is not on every machine.
        let mut command = Command::new("sh");
        command.args(["-c", "kill -KILL \"$@\" 2>/dev/null", "sh"]).args(carriers);
        let _gone_already = command.status();
    }
}

fn carriers(mark: &str) -> Vec<String> {
    let entry = format!("{MARK}={mark}");
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let environment = fs::read(process.path().join("environ")).unwrap_or_default();
        if environment.split(|it| *it == 0).any(|it| it == entry.as_bytes()) {
            found.push(process.file_name().to_string_lossy().into_owned());
        }
    }
    found
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

const MARK: &str = "SWITCHBOARD_XTASK_FAMILY";
static FAMILIES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static DEADLINE: Mutex<Option<Instant>> = Mutex::new(None);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_of_both_pipes_is_kept() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo out; echo err >&2; exit 3"]);
        let outcome = watch(&mut command, Duration::from_secs(20)).unwrap();
        assert!(outcome.output.contains("out\n") && outcome.output.contains("err\n"));
        assert_eq!(outcome.status.unwrap().code(), Some(3));
    }

    #[test]
    fn a_hanging_command_is_killed_with_its_detached_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid tail -f /dev/null & echo $!; exec tail -f /dev/null"]);
        let outcome = watch(&mut command, Duration::from_secs(1)).unwrap();
        assert!(outcome.status.is_none());
        let child = outcome.output.trim();
        assert!(fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default().is_empty());
    }

    #[test]
    fn what_a_command_leaves_behind_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "setsid tail -f /dev/null & echo $!"]);
        let outcome = watch(&mut command, Duration::from_secs(20)).unwrap();
        let child = outcome.output.trim();
        assert!(fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default().is_empty());
    }
}
