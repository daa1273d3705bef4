//! Questions to all other servers: one answer of each, within [`REQUEST_TIMEOUT`].

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::answers::{self, Hearing};
use super::message::Heard;
use super::{Node, OpenRequest};
use crate::Id;

/// The answers to one question.
#[derive(Debug)]
pub(crate) struct Replies {
    heard: Hearing,
    waiting: Vec<Id>,
    request: OpenRequest,
    asked_at: Instant,
}

impl Replies {
    /// Opens a question, which must be published next.
    pub(crate) fn open(node: &Arc<Node>) -> Self {
        let (answers, heard) = answers::open();
        let (request, waiting) = node.open(answers);
        Self { heard, waiting, request, asked_at: Instant::now() }
    }

    /// What the question is known by.
    pub(crate) fn request(&self) -> u64 {
        self.request.id
    }

    /// Gives the first answer of every server to `take`, which says whether it is one to this
    /// question. Ends when all have answered, when the others are gone, or in time; then says how
    /// many are missing.
    pub(crate) async fn collect(mut self, mut take: impl FnMut(Heard) -> bool) -> usize {
        let deadline = self.asked_at + REQUEST_TIMEOUT;
        while !self.waiting.is_empty() {
            let Ok(Some(heard)) = tokio::time::timeout_at(deadline, self.heard.recv()).await else {
                break;
            };
            let server = heard.from();
            let Some(at) = self.waiting.iter().position(|it| *it == server) else { continue };
            if matches!(heard, Heard::Lost(_)) || take(heard) {
                self.waiting.swap_remove(at);
            }
        }
        self.waiting.len()
    }
}

/// How long other servers have for their answers, as with the official adapters.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
