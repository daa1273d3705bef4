//! The command line.

use std::time::Duration;

use switchboard::{Parser, Server, ServerBuilder};

/// What the server is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// For suites of the WebSocket protocol.
    Ws,
    /// For the official Engine.IO protocol suite.
    Eio,
    /// For the tests of the official Engine.IO client.
    EioClient,
    /// For the official Socket.IO protocol suite.
    Sio,
    /// For the tests of the official Socket.IO client.
    SioClient,
    /// For the tests in `e2e/`.
    Api,
}

/// The options, or the defaults of the mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) port: u16,
    pub(crate) ping_interval: Duration,
    pub(crate) ping_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) eio3: bool,
    /// Whether packets are written as msgpack, not as JSON.
    pub(crate) is_msgpack: bool,
}

impl Options {
    /// Reads `--name value` pairs, of which `--mode` is the only necessary one.
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let args: Vec<String> = args.collect();
        let mut options = Self::of(mode(value(&args, "--mode"))?);
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
                "--eio3" => options.eio3 = value == "on",
                "--parser" => options.is_msgpack = value == "msgpack",
                _ => return Err(format!("unknown option {name}")),
            }
        }
        Ok(options)
    }

    /// A server with these timers.
    pub(crate) fn builder(&self) -> ServerBuilder {
        let parser = if self.is_msgpack { Parser::msgpack() } else { Parser::json() };
        Server::builder()
            .parser(parser)
            .ping_interval(self.ping_interval)
            .ping_timeout(self.ping_timeout)
            .connect_timeout(self.connect_timeout)
            .allow_eio3(self.eio3)
    }

    fn of(mode: Mode) -> Self {
        let (port, ping_interval, ping_timeout, connect_timeout) = match mode {
            Mode::Ws => (9001, 25_000, 20_000, 45_000),
            Mode::Eio => (3000, 300, 200, 45_000),
            Mode::EioClient => (3000, 500, 20_000, 45_000),
            Mode::Sio => (3000, 300, 200, 1_000),
            Mode::SioClient => (3210, 2_000, 20_000, 45_000),
            Mode::Api => (3000, 25_000, 20_000, 45_000),
        };
        Self {
            mode,
            port,
            ping_interval: Duration::from_millis(ping_interval),
            ping_timeout: Duration::from_millis(ping_timeout),
            connect_timeout: Duration::from_millis(connect_timeout),
            eio3: matches!(mode, Mode::Eio | Mode::SioClient),
            is_msgpack: false,
        }
    }
}

fn mode(name: Option<&str>) -> Result<Mode, String> {
    match name {
        Some("ws") => Ok(Mode::Ws),
        Some("eio") => Ok(Mode::Eio),
        Some("eio-client") => Ok(Mode::EioClient),
        Some("sio") => Ok(Mode::Sio),
        Some("sio-client") => Ok(Mode::SioClient),
        Some("api") => Ok(Mode::Api),
        _ => Err("say --mode ws, eio, sio, eio-client, sio-client or api".to_owned()),
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
    fn a_mode_has_its_port_and_its_timers() {
        assert_eq!(parse("--mode sio"), Ok(Options::of(Mode::Sio)));
        assert_eq!(parse("--mode ws").unwrap().port, 9001);
        assert_eq!(parse("--mode sio-client").unwrap().port, 3210);
        assert_eq!(parse("--mode eio-client").unwrap().ping_interval, Duration::from_millis(500));
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
