//! The body of a request: read whole, within a limit, and not for ever.

use std::pin::pin;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::{Instant, sleep_until};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a body was not read to its end.
#[derive(Debug)]
pub(super) enum Unread {
    TooLarge,
    TooSlow,
    Broken(BoxError),
}

/// Reads a body of at most `bytes_max` bytes.
///
/// It must arrive as a message of a WebSocket must: at 1 kB a second at least, after 5 s. Else
/// whoever sends a byte now and then would hold a connection, and its part of the memory, for ever.
pub(super) async fn read<B>(body: B, bytes_max: usize) -> Result<Bytes, Unread>
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let mut body = pin!(Limited::new(body, bytes_max));
    let mut due = Instant::now() + PROGRESS_GRACE;
    let mut late = pin!(sleep_until(due));
    // Copied, because each of many small pieces would pin the buffer that it was read into.
    let mut whole = Vec::new();
    loop {
        let frame = tokio::select! {
            biased;
            frame = body.frame() => frame,
            () = late.as_mut() => {
                if due <= Instant::now() {
                    return Err(Unread::TooSlow);
                }
                late.as_mut().reset(due);
                continue;
            }
        };
        let frame = match frame {
            None => return Ok(whole.into()),
            Some(Ok(frame)) => frame,
            Some(Err(error)) if error.is::<LengthLimitError>() => return Err(Unread::TooLarge),
            Some(Err(error)) => return Err(Unread::Broken(error)),
        };
        let Ok(mut data) = frame.into_data() else { continue };
        let len = data.remaining();
        let lead = Duration::from_millis(len as u64);
        due = (due + lead.min(PROGRESS_LEAD_MAX)).min(Instant::now() + PROGRESS_LEAD_MAX);
        if whole.is_empty() && body.is_end_stream() {
            return Ok(data.copy_to_bytes(len));
        }
        whole.put(data);
    }
}

/// How long a body may take before its pace counts.
const PROGRESS_GRACE: Duration = Duration::from_secs(5);
/// How far what has arrived may put the deadline off; one byte counts for a millisecond.
const PROGRESS_LEAD_MAX: Duration = Duration::from_secs(30);
