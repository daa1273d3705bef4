//! The command line.

use std::time::Duration;

/// What the server is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For the official Socket.IO protocol suite.
    Sio,
    /// For the tests in `e2e/`.
    Api,
}

/// The options, or the defaults of the mode.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) port: u16,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) connect_timeout: Duration,
}

impl Options {
    /// Reads `--name value` pairs, of which `--mode` is the only necessary one.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let args: Vec<String> = args.collect();
        let mut options = match value(&args, "--mode") {
            Some("sio") => Self::of(Mode::Sio, 300, 200, 1_000),
            Some("api") => Self::of(Mode::Api, 25_000, 20_000, 45_000),
            _ => return Err("say --mode sio or --mode api".to_owned()),
        };
        for pair in args.chunks(2) {
            let [name, value] = pair else { return Err(format!("{pair:?} has no value")) };
            let number =
                || value.parse::<u64>().map_err(|error| format!("{name} {value}: {error}"));
            match name.as_str() {
                "--mode" => (),
                "--port" => {
                    options.port = number()?.try_into().map_err(|_| format!("no port: {value}"))?;
                }
                "--ping-interval" => options.ping_interval = Duration::from_millis(number()?),
                "--ping-timeout" => options.ping_timeout = Duration::from_millis(number()?),
                "--connect-timeout" => options.connect_timeout = Duration::from_millis(number()?),
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(options)
    }

    fn of(mode: Mode, ping_interval: u64, ping_timeout: u64, connect_timeout: u64) -> Self {
        Self {
            mode,
            port: 3000,
            ping_interval: Duration::from_millis(ping_interval),
            ping_timeout: Duration::from_millis(ping_timeout),
            connect_timeout: Duration::from_millis(connect_timeout),
        }
    }
}

fn value<'a>(args: &'a [String], name: &str) -> Option<&'a str> {
    let at = args.iter().position(|it| it == name)?;
    args.get(at + 1).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn a_mode_has_its_timers() {
        let sio = Options::of(Mode::Sio, 300, 200, 1_000);
        assert_eq!(parse("--mode sio"), Ok(sio));
        let options = parse("--port 0 --mode api --ping-timeout 7").unwrap();
        assert_eq!(options.port, 0);
        assert_eq!(options.ping_timeout, Duration::from_millis(7));
        assert_eq!(options.ping_interval, Duration::from_secs(25));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in
            ["", "--mode x", "--mode sio --port", "--mode sio --port 70000", "--mode api -x 1"]
        {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
