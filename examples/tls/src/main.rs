//! `cargo run --manifest-path examples/Cargo.toml -p tls`: https and WebSockets over HTTP/2.
//!
//! It makes a certificate for `localhost` that nobody but you has reason to trust, so programs have
//! to be told: `curl --cacert target/tls-example/cert.pem https://localhost:3000/socket.io/`, or
//! `NODE_EXTRA_CA_CERTS=target/tls-example/cert.pem node client.js`. With files of your own:
//! `-- 3000 fullchain.pem privkey.pem`; with another folder for the made ones: `-- 3000 folder`.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use switchboard::{Ack, Serve, Server, Socket, tls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let port = args.next().unwrap_or_else(|| "3000".to_owned());
    let (certificate, key) = match (args.next(), args.next()) {
        (Some(certificate), Some(key)) => (certificate.into(), key.into()),
        (Some(folder), None) => self_made(Path::new(&folder))?,
        _ => self_made(Path::new("target/tls-example"))?,
    };

    let io = Server::builder().build();
    io.on("connection", async |socket: Socket| {
        socket.emit("hello", &socket.id()).ok();
    });
    io.on("ping me", async |ack: Ack| {
        ack.send("pong").ok();
    });

    let config = tls::config(&certificate, &key)?;
    let listener = tokio::net::TcpListener::bind(format!("127.0.0.1:{port}")).await?;
    println!("certificate in {}", certificate.display());
    println!("listening on {}", listener.local_addr()?);
    let ctrl_c = async { tokio::signal::ctrl_c().await.unwrap_or_default() };
    Serve::new(io).tls(config).run(listener, ctrl_c).await?;
    Ok(())
}

/// Writes a certificate that vouches for itself, and its key.
fn self_made(folder: &Path) -> Result<(PathBuf, PathBuf), Box<dyn Error>> {
    let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let made = rcgen::generate_simple_self_signed(names)?;
    let (certificate, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    fs::create_dir_all(folder)?;
    fs::write(&certificate, made.cert.pem())?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    Ok((certificate, key))
}
