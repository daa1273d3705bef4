//! Questions to all other servers: one answer of each, within [`REQUEST_TIMEOUT`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::message::Heard;
use super::{Node, OpenRequest};
use crate::Id;

/// The answers to one question.
#[derive(Debug)]
pub(crate) struct Replies {
    heard: mpsc::UnboundedReceiver<Heard>,
    waiting: Vec<Id>,
    request: OpenRequest,
    asked_at: Instant,
}

impl Replies {
    /// Opens a question, which must be published next.
    pub(crate) fn open(node: &Arc<Node>) -> Self {
        let (answers, heard) = mpsc::unbounded_channel();
        let (request, waiting) = node.open(answers);
        Self { heard, waiting, request, asked_at: Instant::now() }
    }

    /// What the question is known by.
    pub(crate) fn request(&self) -> u64 {
        self.request.id
    }

    /// Gives every answer to `take`, which says whose it was. Ends when all have answered, when
    /// the others are gone, or in time; then says how many are missing.
    pub(crate) async fn collect(mut self, mut take: impl FnMut(Heard) -> Option<Id>) -> usize {
        let deadline = self.asked_at + REQUEST_TIMEOUT;
        while !self.waiting.is_empty() {
            let server = match tokio::time::timeout_at(deadline, self.heard.recv()).await {
                Ok(Some(Heard::Lost(server))) => Some(server),
                Ok(Some(answer)) => take(answer),
                Ok(None) | Err(_) => break,
            };
            self.waiting.retain(|it| Some(*it) != server);
        }
        self.waiting.len()
    }
}

/// How long other servers have for their answers, as with the official adapters.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
