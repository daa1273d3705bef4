//! What a client asks for that wants its state back, and what a socket carries for it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use serde_json::value::RawValue;

use crate::Id;
use crate::recovery::Log;
use crate::recovery::history::History;
use crate::session::Session;

/// What recovery needs to know of a socket. Absent where recovery is off, and for clients that do
/// not want it.
pub(crate) struct Track {
    /// The client's secret, by which it comes back.
    pub(crate) pid: Id,
    pub(super) auth: Fingerprint,
    /// What the client wants to have back, until that is decided.
    pub(super) claim: Option<Claim>,
    /// The client wants the state of a socket that still counts as connected.
    pub(super) rival: Option<Box<Rival>>,
    pub(super) is_recovered: AtomicBool,
    /// Reachable, and not cut. Changed under the log's lock, as all below.
    pub(super) is_live: AtomicBool,
    /// Put out by the application: not to be saved.
    pub(super) is_put_out: AtomicBool,
    /// The place of the last packet that was pushed into the outbox; 0 is none.
    pub(super) sent: AtomicU64,
    pub(super) history: Mutex<History>,
}

impl Track {
    fn new(pid: Id, auth: Fingerprint, claim: Option<Claim>) -> Box<Self> {
        Box::new(Self {
            pid,
            auth,
            claim,
            rival: None,
            is_recovered: AtomicBool::new(false),
            is_live: AtomicBool::new(false),
            is_put_out: AtomicBool::new(false),
            sent: AtomicU64::new(0),
            history: Mutex::default(),
        })
    }

    /// For the same client, when it cannot have its state back.
    pub(crate) fn anew(&self) -> Box<Self> {
        Self::new(Id::random(), self.auth, None)
    }

    /// For the same client, once its rival has been told to go: it is asked for a last time.
    pub(crate) fn after(&self, rival: &Rival, log: &Log) -> (Option<Id>, Box<Self>) {
        match log.find(rival.pid, rival.claim) {
            Some(Found::Saved(id)) => {
                (Some(id), Self::new(rival.pid, self.auth, Some(rival.claim)))
            }
            _ => (None, self.anew()),
        }
    }

    pub(crate) fn rival(&self) -> Option<&Rival> {
        self.rival.as_deref()
    }

    /// Whether the socket has its state back.
    pub(crate) fn is_recovered(&self) -> bool {
        self.is_recovered.load(Ordering::Acquire)
    }

    /// Whether the client wants something back that it may still get.
    pub(crate) fn is_claiming(&self) -> bool {
        self.claim.is_some() || self.rival.is_some()
    }
}

impl fmt::Debug for Track {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the pid: it is a secret.
        f.debug_struct("Track").finish_non_exhaustive()
    }
}

/// The last packet that the client has got.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    /// `None`: it names none, or none of ours.
    pub(super) place: Option<u64>,
}

/// A live socket whose client says that it is back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rival {
    pub(super) pid: Id,
    pub(super) claim: Claim,
}

/// Where the state is that a client wants back.
pub(super) enum Found {
    /// Of the socket with this id, which was cut.
    Saved(Id),
    /// With a socket that still counts as connected.
    Live,
}

/// How a client is let in.
pub(crate) struct Admission<'a> {
    /// The id that the socket gets back, if it does.
    pub(crate) id: Option<Id>,
    pub(crate) track: Option<Box<Track>>,
    /// The auth payload without what only recovery needs.
    pub(crate) auth: Cow<'a, str>,
}

/// Looks at a CONNECT with the payload `auth`.
pub(crate) fn admit<'a>(log: Option<&Log>, session: &Session, auth: &'a str) -> Admission<'a> {
    let says_no = || session.handshake.query("recovery").is_some_and(|it| it == "0");
    // Clients of Engine.IO 3 know nothing of all this.
    let wants_none = || session.dialect.is_v3() || says_no();
    let Some(log) = log.filter(|_| !wants_none()) else {
        return Admission { id: None, track: None, auth: auth.into() };
    };
    let (asked, auth) = split(auth);
    let fingerprint = log.fingerprint(&auth);
    let asked = asked.and_then(|(pid, offset)| {
        let claim = log.claim(offset.as_deref());
        Some(Rival { pid: Id::parse(&pid)?, claim })
    });
    let found = asked.and_then(|it| Some((log.find(it.pid, it.claim)?, it)));
    let fresh = || Track::new(Id::random(), fingerprint, None);
    let (id, track) = match found {
        Some((Found::Saved(id), it)) => (Some(id), Track::new(it.pid, fingerprint, Some(it.claim))),
        Some((Found::Live, it)) => {
            (None, Box::new(Track { rival: Some(Box::new(it)), ..*fresh() }))
        }
        None => (None, fresh()),
    };
    Admission { id, track: Some(track), auth }
}

/// Takes `pid` and `offset` out of an auth payload.
fn split(auth: &str) -> (Option<(String, Option<String>)>, Cow<'_, str>) {
    if !auth.contains("\"pid\"") {
        return (None, auth.into());
    }
    let Ok(mut fields) = serde_json::from_str::<BTreeMap<String, &RawValue>>(auth) else {
        return (None, auth.into());
    };
    let text = |it: &&RawValue| serde_json::from_str::<String>(it.get()).ok();
    let Some(pid) = fields.get("pid").and_then(text) else { return (None, auth.into()) };
    let offset = fields.get("offset").and_then(text);
    fields.remove("pid");
    fields.remove("offset");
    let Ok(rest) = serde_json::to_string(&fields) else { return (None, auth.into()) };
    (Some((pid, offset)), rest.into())
}

/// Stands for an auth payload, which may be large. Equal ones have equal fingerprints, and nobody
/// can make another one to fit, because the keys are random.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u64; 2]);

/// The keys of fingerprints.
#[derive(Debug, Default)]
pub(super) struct Fingerprints([RandomState; 2]);

impl Fingerprints {
    /// Of a JSON text; neither blanks nor the order of fields count.
    pub(super) fn of(&self, json: &str) -> Fingerprint {
        let value = serde_json::from_str::<Value>(json).unwrap_or(Value::Null);
        Fingerprint(self.0.each_ref().map(|key| key.hash_one(&value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_recovery_needs_is_taken_out_of_the_auth_payload() {
        let (asked, rest) = split(r#"{"token":1.10,"pid":"p","offset":"o"}"#);
        assert_eq!(asked, Some(("p".to_owned(), Some("o".to_owned()))));
        assert_eq!(rest, r#"{"token":1.10}"#);
        let (asked, rest) = split(r#"{"pid":"p"}"#);
        assert_eq!((asked, &*rest), (Some(("p".to_owned(), None)), "{}"));
        for other in ["{}", "null", r#"{"offset":5}"#, r#"{"pid":7,"offset":"o"}"#, "\"pid\""] {
            assert_eq!(split(other), (None, other.into()));
        }
    }

    #[test]
    fn fingerprints_are_of_values_and_not_of_texts() {
        let prints = Fingerprints::default();
        let one = prints.of(r#"{"a":1,"b":[2,{"c":3,"d":4}]}"#);
        assert_eq!(one, prints.of(r#" {"b": [2, {"d":4, "c":3}], "a": 1}"#));
        assert_ne!(one, prints.of(r#"{"a":1,"b":[2,{"c":3,"d":5}]}"#));
    }
}
