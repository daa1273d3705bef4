//! `cargo run --manifest-path examples/Cargo.toml -p wscat -- ws://127.0.0.1:3000`: a WebSocket in
//! the terminal.
//!
//! Every line of the input is sent as a text message, every message is printed behind `< `; the end
//! of the input closes the connection. `--help` tells the rest. It ends with 0 if the WebSocket was
//! closed in order (1000 or 1001), with 1 if it ended otherwise, with 2 if it was never there.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program for people")]

mod print;
mod trust;

use std::io::BufRead as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use switchboard::ws::{self, CloseCode, Connect, WebSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;

/// Talks to a WebSocket server, line by line.
#[derive(Parser)]
#[command(version)]
struct Options {
    /// Where to connect: ws://host/path or wss://host/path
    url: String,
    /// A header of the request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// A subprotocol to offer; may be repeated, the best first
    #[arg(short, long = "subprotocol", value_name = "NAME")]
    subprotocols: Vec<String>,
    /// The page that we say we belong to
    #[arg(short, long, value_name = "URL")]
    origin: Option<String>,
    /// The HTTP proxy to go through, http://user:password@host:port; without it that of
    /// https_proxy, http_proxy or all_proxy
    #[arg(long, value_name = "URL")]
    proxy: Option<String>,
    /// Trust the certificates in this PEM file, and no others
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Offer compression (permessage-deflate)
    #[arg(short = 'z', long)]
    deflate: bool,
    /// Send this message instead of the input, then wait and close; may be repeated
    #[arg(short = 'x', long = "execute", value_name = "MESSAGE")]
    messages: Vec<String>,
    /// How long -x waits for messages after the last one was sent
    #[arg(short, long, value_name = "SECONDS", default_value_t = 1.0)]
    wait: f64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let options = Options::parse();
    let socket = match connect(&options) {
        Ok(connect) => connect.await.map_err(|error| error.to_string()),
        Err(error) => Err(error),
    };
    let mut socket = match socket {
        Ok(socket) => socket,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    match socket.protocol() {
        Some(protocol) => eprintln!("connected, speaking {protocol}"),
        None => eprintln!("connected"),
    }
    let talked = if options.messages.is_empty() {
        talk(&mut socket).await
    } else {
        execute(&mut socket, &options).await
    };
    if let Err(error) = talked {
        eprintln!("failed: {error}");
        return ExitCode::FAILURE;
    }
    print::end(socket.closed_by_peer())
}

/// What the options ask for.
fn connect(options: &Options) -> Result<Connect, String> {
    let mut connect = ws::connect(&options.url).protocols(&options.subprotocols);
    if options.deflate {
        connect = connect.options(ws::Options::new().deflate(ws::Deflate::default()));
    }
    for (name, value) in &options.headers {
        connect = connect.header(name, value);
    }
    if let Some(origin) = &options.origin {
        connect = connect.origin(origin);
    }
    connect = match &options.proxy {
        Some(proxy) => connect.proxy(proxy),
        None => connect.proxy_from_env(),
    };
    if let Some(file) = &options.ca {
        let config = trust::only(file).map_err(|error| format!("{}: {error}", file.display()))?;
        connect = connect.tls_config(config);
    }
    Ok(connect)
}

/// Sends lines and prints messages until the peer closes. The end of the input closes too.
async fn talk(socket: &mut WebSocket) -> Result<(), ws::Error> {
    let (sender, mut lines) = mpsc::channel(1);
    // The runtime would wait for a read of its own when the program is to end; not for this.
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.take_while(|it| sender.blocking_send(it.clone()).is_ok()).for_each(drop);
    });
    let mut is_closing = false;
    loop {
        tokio::select! {
            message = socket.recv() => match message? {
                Some(message) => print::message(&message),
                None => return Ok(()),
            },
            line = lines.recv(), if !is_closing => match line {
                Some(line) => {
                    socket.send(line)?;
                    socket.ready().await?;
                }
                None => {
                    socket.close(CloseCode::NORMAL, "");
                    is_closing = true;
                }
            },
        }
    }
}

/// Sends the messages of `-x`, prints what comes while there is time, and closes.
async fn execute(socket: &mut WebSocket, options: &Options) -> Result<(), ws::Error> {
    for message in &options.messages {
        socket.send_text(message)?;
    }
    let wait = Duration::try_from_secs_f64(options.wait).unwrap_or(Duration::MAX);
    let listening = async {
        while let Some(message) = socket.recv().await? {
            print::message(&message);
        }
        Ok(())
    };
    if let Ok(ended) = timeout(wait, listening).await {
        return ended;
    }
    socket.close(CloseCode::NORMAL, "");
    while let Some(message) = socket.recv().await? {
        print::message(&message);
    }
    Ok(())
}

fn header(text: &str) -> Result<(String, String), &'static str> {
    let (name, value) = text.split_once(':').ok_or("it needs a colon, as in `Cookie: a=1`")?;
    Ok((name.to_owned(), value.trim().to_owned()))
}
