//! The client: echoes in every case that the fuzzing server has.
//!
//! The paths are Autobahn's: `/getCaseCount` answers with one message, `/runCase` is a case, and
//! `/updateReports` ends the run.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use switchboard::ws::{self, Options, WebSocket};
use tokio::task::JoinSet;

type Result<T = ()> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Runs all cases, `parallel` at a time.
pub(crate) async fn run_cases(address: String, options: Options, parallel: usize) -> Result {
    let server = Arc::new(FuzzingServer { address, options, cases_begun: AtomicU32::new(0) });
    let count = server.case_count().await?;
    let mut tasks = JoinSet::new();
    for _ in 0..parallel {
        let server = Arc::clone(&server);
        tasks.spawn(async move { server.run_all_left(count).await });
    }
    while let Some(result) = tasks.join_next().await {
        result??;
    }
    server.open("updateReports?agent=switchboard").await?.recv().await?;
    Ok(())
}

struct FuzzingServer {
    address: String,
    options: Options,
    cases_begun: AtomicU32,
}

impl FuzzingServer {
    async fn case_count(&self) -> Result<u32> {
        let answer = self.open("getCaseCount").await?.recv().await?;
        let text = answer.as_ref().and_then(|it| it.as_text()).ok_or("no count of cases")?;
        Ok(text.parse()?)
    }

    async fn run_all_left(&self, count: u32) -> Result {
        loop {
            let case = self.cases_begun.fetch_add(1, Ordering::Relaxed) + 1;
            if count < case {
                return Ok(());
            }
            let socket = self.open(&format!("runCase?case={case}&agent=switchboard")).await?;
            // How a case ends is for the fuzzing server to judge: most break the protocol.
            echo(socket).await.ok();
        }
    }

    async fn open(&self, path: &str) -> Result<WebSocket> {
        let url = format!("ws://{}/{path}", self.address);
        Ok(ws::connect(url).options(self.options.clone()).await?)
    }
}

async fn echo(mut socket: WebSocket) -> std::result::Result<(), ws::Error> {
    while let Some(message) = socket.recv().await? {
        socket.send(message)?;
        socket.ready().await?;
    }
    Ok(())
}
