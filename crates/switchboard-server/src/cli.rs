//! The command line: verbs, flags, exit codes.
//!
//! Exit codes: 0 done, 1 failed, 2 the command line was wrong.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tokio::net::TcpListener;

use crate::limits::Limits;
use crate::logging;
use crate::serve::{self, App};
use crate::store::Store;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    let verb = Cli::parse().verb.unwrap_or_else(|| {
        // No verb means `serve`; this way it has the same defaults.
        let Cli { verb } = Cli::parse_from(["switchboard", "serve"]);
        verb.unwrap_or(Verb::Version)
    });
    match verb {
        Verb::Serve(args) => serve(args),
        Verb::Version => say(&format!("switchboard {}", env!("CARGO_PKG_VERSION"))),
    }
}

#[derive(Parser)]
#[command(name = "switchboard", version, about = "Real-time server: rooms, API, Socket.IO")]
#[command(after_help = "Without a command it serves.")]
struct Cli {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve rooms, API and web page until SIGTERM or Ctrl-C
    Serve(ServeArgs),
    /// Print the version
    Version,
}

#[derive(Args)]
struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one
    #[arg(long, env = "SWITCHBOARD_LISTEN", value_name = "ADDR", default_value = "127.0.0.1:3000")]
    listen: String,
    /// Directory for what is kept; made if it is not there
    #[arg(long, env = "SWITCHBOARD_DATA_DIR", value_name = "DIR", default_value = "./data")]
    data_dir: PathBuf,
    /// Serve https: PEM file with the certificate and those up to a trusted root
    #[arg(long, env = "SWITCHBOARD_TLS_CERT", value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the private key of the certificate
    #[arg(long, env = "SWITCHBOARD_TLS_KEY", value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// error, warn, info, debug, trace, or directives as in RUST_LOG [default: $RUST_LOG or info]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    log_level: Option<String>,
}

fn level(text: &str) -> Result<String, String> {
    logging::filter(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

fn serve(args: ServeArgs) -> ExitCode {
    logging::start(args.log_level.as_deref().and_then(|it| logging::filter(it).ok()));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("could not start: {error}")),
    };
    runtime.block_on(async {
        match serve_until_stopped(args).await {
            Ok(()) => ExitCode::SUCCESS,
            Err(problem) => fail(&problem),
        }
    })
}

async fn serve_until_stopped(args: ServeArgs) -> Result<(), String> {
    let limits = Limits::default();
    let tls = match args.tls_cert.zip(args.tls_key) {
        Some((certificates, key)) => {
            let config = switchboard::tls::config(certificates, key);
            Some(config.map_err(|error| format!("could not set up TLS: {error}"))?)
        }
        None => None,
    };
    let stop = serve::stop_signal().map_err(|error| format!("could not hear signals: {error}"))?;
    let listener = TcpListener::bind(&args.listen).await;
    let listener = listener.map_err(|error| describe_bind(&args.listen, &error))?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let store = Store::open(&args.data_dir, &limits).map_err(|error| error.to_string())?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    tracing::info!(%address, scheme, data_dir = %args.data_dir.display(), "serving");
    say(&format!("Switchboard is live at {scheme}://{address}"));
    let app = App::new(store, limits);
    let app = if let Some(config) = tls { app.tls(config) } else { app };
    let served = app.serve(listener, stop).await;
    served.map_err(|error| format!("could not go on: {error}"))?;
    tracing::info!("stopped");
    Ok(())
}

fn describe_bind(listen: &str, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "could not listen on {listen}: another program uses this port; \
             stop it, or choose another with --listen (port 0 takes a free one)"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "could not listen on {listen}: not allowed; ports below 1024 need privileges, \
             choose another with --listen"
        ),
        io::ErrorKind::InvalidInput => {
            format!("could not listen on {listen}: write it as address:port, like 127.0.0.1:3000")
        }
        _ => format!("could not listen on {listen}: {error}; choose another with --listen"),
    }
}

/// One line on stdout, where scripts may wait for it.
fn say(line: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match writeln!(stdout, "{line}").and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody reads it; that is no reason not to serve.
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(problem: &str) -> ExitCode {
    // If stderr is closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "error: {problem}");
    ExitCode::FAILURE
}
