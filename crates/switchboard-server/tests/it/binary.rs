//! The process itself: what it prints, how it ends, what is left.

use std::path::Path;
use std::process::Stdio;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::server::within;

struct Running {
    child: Child,
    url: String,
}

fn switchboard() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_switchboard"));
    command.env_remove("RUST_LOG").stdin(Stdio::null()).kill_on_drop(true);
    command
}

async fn start(data_dir: &Path) -> Running {
    let mut command = switchboard();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data_dir);
    running(command).await
}

async fn running(mut command: Command) -> Running {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = within(lines.next_line()).await.unwrap().unwrap();
    let url = line.strip_prefix("Switchboard is live at ").unwrap().to_owned();
    Running { child, url }
}

impl Running {
    async fn signal(&self, name: &str) {
        let id = self.child.id().unwrap().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status().await;
        assert!(sent.unwrap().success());
    }

    async fn end(self) -> (Option<i32>, String) {
        let output = within(self.child.wait_with_output()).await.unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

async fn call(method: &str, url: &str, token: &str, body: Option<Value>) -> Value {
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = reqwest::Client::new().request(method, url);
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    let answer = within(request.send()).await.unwrap();
    serde_json::from_slice(&within(answer.bytes()).await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_signal_ends_it_well_and_what_was_said_stays() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("deep/data");
    let mut token = String::new();
    for (signal, texts) in [("TERM", vec!["first"]), ("INT", vec!["first", "second"])] {
        let server = start(&data_dir).await;
        if token.is_empty() {
            let url = format!("{}/api/v1/guests", server.url);
            let born = call("POST", &url, "", Some(json!({ "name": "Ada" }))).await;
            token = born["token"].as_str().unwrap().to_owned();
        }
        let url = format!("{}/api/v1/rooms/lobby/messages", server.url);
        call("POST", &url, &token, Some(json!({ "text": texts.last() }))).await;
        let page = call("GET", &url, "", None).await;
        let said: Vec<&str> = page["messages"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["text"].as_str().unwrap())
            .collect();
        assert_eq!(said, texts);
        server.signal(signal).await;
        let (code, log) = server.end().await;
        assert_eq!(code, Some(0), "{log}");
        for line in log.lines() {
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["level"], "INFO", "{line}");
            assert!(!log.contains(&token));
        }
        assert!(data_dir.join("switchboard.db").exists());
        assert!(!data_dir.join("switchboard.db-wal").exists());
    }
}

#[tokio::test]
async fn a_client_that_waits_is_answered_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = start(dir.path()).await;
    let url = format!("{}/socket.io/?EIO=4&transport=polling", server.url);
    let open = within(reqwest::get(&url)).await.unwrap().text().await.unwrap();
    let open: Value = serde_json::from_str(&open[1..]).unwrap();
    let poll = reqwest::get(format!("{url}&sid={}", open["sid"].as_str().unwrap()));
    let (polled, ()) = tokio::join!(within(poll), async {
        // On its way while this is asked; most often it waits by the time this is answered.
        call("GET", &format!("{}/api/v1/rooms", server.url), "", None).await;
        server.signal("TERM").await;
    });
    // If the signal was faster than the poll, then there was nobody to answer.
    if let Ok(answer) = polled {
        assert_eq!(answer.status(), 200);
    }
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut command = switchboard();
    command.args(["serve", "--listen", &address, "--data-dir"]).arg(dir.path());
    let output = within(command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&address) && text.contains("another program uses this port"), "{text}");
}

/// A certificate for `localhost` and its key, in `dir`.
fn certificate(dir: &Path) -> [std::path::PathBuf; 2] {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let [cert, key] = [dir.join("cert.pem"), dir.join("key.pem")];
    std::fs::write(&cert, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    [cert, key]
}

#[tokio::test]
async fn with_a_certificate_it_serves_https_and_nothing_in_clear_text() {
    let dir = tempfile::tempdir().unwrap();
    let [cert, key] = certificate(dir.path());
    let mut command = switchboard();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(dir.path().join("data"));
    command.arg("--tls-cert").arg(cert).env("SWITCHBOARD_TLS_KEY", key);
    let server = running(command).await;
    let address = server.url.strip_prefix("https://").unwrap();
    let answer = within(reqwest::get(format!("http://{address}/"))).await;
    assert!(answer.is_err(), "{answer:?}");
    server.signal("TERM").await;
    let (code, log) = server.end().await;
    assert_eq!(code, Some(0), "{log}");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    let [cert, key] = certificate(dir.path());
    let [_, other] = {
        std::fs::create_dir(dir.path().join("other")).unwrap();
        certificate(&dir.path().join("other"))
    };
    let none = dir.path().join("none.pem");
    for (cert, key, culprit) in
        [(&none, &key, &none), (&cert, &none, &none), (&cert, &other, &other)]
    {
        let mut command = switchboard();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path().join("data"));
        command.arg("--tls-cert").arg(cert).arg("--tls-key").arg(key);
        let output = within(command.output()).await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(&*culprit.to_string_lossy()), "{text}");
        assert!(output.stdout.is_empty());
    }
    let mut command = switchboard();
    let output = within(command.args(["serve", "--tls-cert"]).arg(cert).output()).await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--tls-key"));
}

#[tokio::test]
async fn a_directory_that_cannot_be_written_is_said_so() {
    let dir = tempfile::tempdir().unwrap();
    // A file in its place: permissions do not stop root, this does.
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let mut command = switchboard();
    command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(file.join("data"));
    let output = within(command.output()).await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.contains("could not write to the data directory") && text.contains("--data-dir"),
        "{text}"
    );
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn the_command_line_explains_itself() {
    for (args, code, expected) in [
        (vec!["version"], 0, concat!("switchboard ", env!("CARGO_PKG_VERSION"))),
        (vec!["--version"], 0, concat!("switchboard ", env!("CARGO_PKG_VERSION"))),
        (vec!["--help"], 0, "serve"),
        (vec!["serve", "--help"], 0, "127.0.0.1:3000"),
        (vec!["dance"], 2, "unrecognized subcommand"),
        (vec!["serve", "--loud"], 2, "unexpected argument"),
        (vec!["serve", "--log-level", "a=b=c"], 2, "invalid value"),
    ] {
        let output = within(switchboard().args(&args).output()).await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(expected), "{args:?}: {text}");
    }
}
