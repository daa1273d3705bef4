//! The log of a namespace: its packets in one order, who is behind, and who comes back.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use crate::Id;
use crate::broadcast::target::Target;
use crate::encoding::Encoding;
use crate::namespace::NamespaceInner;
use crate::prepared::Prepared;
use crate::recovery::Recovery;
use crate::recovery::admit::{Claim, Fingerprint, Fingerprints, Found, Rival, Track};
use crate::recovery::history::History;
use crate::recovery::offset::Offsets;
use crate::recovery::saved::{Saved, Shelf};
use crate::rooms::events::RoomEvents;
use crate::session::flusher::FanOut;
use crate::socket::Socket;
use crate::sync::lock;
use crate::wheel::Alarm;

/// For whom a packet was.
#[derive(Debug)]
pub(crate) enum Audience {
    /// One socket.
    One(Id),
    /// Those whom a broadcast meant.
    Many(Target),
}

impl Audience {
    /// About what the names of its rooms cost.
    fn names_bytes(&self) -> usize {
        let Self::Many(target) = self else { return 0 };
        let names = target.rooms.iter().chain(&target.except);
        names.map(|it| size_of_val(it) + it.len()).sum()
    }
}

/// What a socket leaves behind besides its history.
#[derive(Debug)]
pub(crate) struct Cut {
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) identity: Option<Box<str>>,
}

/// What a socket gets back besides its rooms.
pub(crate) type Restored = Cut;

/// The packets of a namespace that may be missed, and the sockets that may miss them.
pub(crate) struct Log {
    options: Recovery,
    /// How long packets are kept.
    window: Duration,
    offsets: Offsets,
    fingerprints: Fingerprints,
    inner: Mutex<Inner>,
}

struct Inner {
    /// The place of the oldest packet that is there.
    first: u64,
    packets: VecDeque<Kept>,
    bytes: usize,
    /// A client that missed more begins anew: it would be a slow consumer at once.
    replay_bytes_max: usize,
    /// Sockets that are live and may be recovered later, by pid.
    live: HashMap<Id, Socket>,
    shelf: Shelf,
    garbage: Garbage,
}

/// Packets with their places.
type Missed = Vec<(u64, Arc<Prepared>)>;

struct Kept {
    at: Instant,
    audience: Audience,
    packet: Arc<Prepared>,
    bytes: usize,
}

/// What is dropped once the lock is free, because drops may run code of the application.
#[derive(Default)]
struct Garbage {
    packets: Vec<Kept>,
    sockets: Vec<Socket>,
}

impl Log {
    /// A log for connections whose cut may stay unnoticed for `silence`, and that are given up when
    /// `hard_bytes` wait for them.
    pub(crate) fn new(options: Recovery, silence: Duration, hard_bytes: usize) -> Self {
        let inner = Inner {
            // Zero stands for "nothing".
            first: 1,
            packets: VecDeque::new(),
            bytes: 0,
            replay_bytes_max: hard_bytes / 2,
            live: HashMap::new(),
            shelf: Shelf::default(),
            garbage: Garbage::default(),
        };
        Self {
            window: options.max_disconnection.saturating_add(silence),
            options,
            offsets: Offsets::default(),
            fingerprints: Fingerprints::default(),
            inner: Mutex::new(inner),
        }
    }

    pub(crate) fn fingerprint(&self, auth: &str) -> Fingerprint {
        self.fingerprints.of(auth)
    }

    /// Whether clients that come back need not pass by the middleware.
    pub(crate) fn skips_middlewares(&self) -> bool {
        self.options.skip_middlewares
    }

    /// What a client says that it has got.
    pub(super) fn claim(&self, offset: Option<&str>) -> Claim {
        Claim { place: offset.and_then(|it| self.offsets.read(it)) }
    }

    /// Where the state is that belongs to `pid`, if it may be had back as things stand.
    pub(super) fn find(&self, pid: Id, claim: Claim) -> Option<Found> {
        self.in_order(|inner| {
            self.purge(inner, Instant::now());
            if let Some(live) = inner.live.get(&pid) {
                return inner.replay_live(live, claim).map(|_| Found::Live);
            }
            let saved = inner.shelf.find(pid)?;
            inner.replay_saved(saved, claim)?;
            Some(Found::Saved(saved.id))
        })
    }

    /// The socket that must go before `socket` can have its state, if that is the same client's.
    pub(crate) fn rival(&self, socket: &Socket, track: &Track) -> Option<Socket> {
        let Rival { pid, claim } = *track.rival()?;
        let live = self.in_order(|inner| {
            let live = inner.live.get(&pid)?;
            inner.replay_live(live, claim).map(|_| live.clone())
        })?;
        let is_same = self.options.skip_middlewares || {
            let before = (live.identity(), live.track()?.auth);
            is_same((before.0.as_deref(), before.1), (socket.identity().as_deref(), track.auth))
        };
        (is_same && !Arc::ptr_eq(live.session(), socket.session())).then_some(live)
    }

    /// Sends `packet`, which has no ack, to the sockets that are meant, and keeps it.
    pub(crate) fn broadcast(&self, namespace: &NamespaceInner, packet: &Prepared, target: &Target) {
        // A socket that is found by its id must not be dropped for good under the lock.
        let names = target.rooms.iter().chain(&target.except);
        let ids = names.filter_map(|it| namespace.parse_id(it));
        let found: Vec<_> = ids.filter_map(|it| namespace.socket(it)).collect();
        let audience = Audience::Many(target.clone());
        let mut fan_out = FanOut::new();
        self.in_order(|inner| {
            let kept = self.keep(inner, &namespace.encoding, packet, audience);
            target.for_each(namespace, |socket| match (socket.track(), &kept) {
                // Of those who are not attached yet, or no longer, the history tells.
                (Some(track), Some((place, packet))) => {
                    if track.is_live.load(Ordering::Relaxed) {
                        track.sent.store(*place, Ordering::Relaxed);
                        fan_out.push(socket.session(), packet);
                    }
                }
                (Some(_), None) => (),
                (None, _) => {
                    if socket.is_connected() {
                        fan_out.push(socket.session(), packet);
                    }
                }
            });
        });
        drop(found);
    }

    /// Sends `packet`, which has no ack, to one socket, or to the one that has taken its place.
    /// `false` when it was not sent, though it may be kept.
    pub(crate) fn emit(
        &self,
        encoding: &Encoding,
        packet: &Prepared,
        socket: &Socket,
        track: &Track,
    ) -> bool {
        if track.is_undecided() {
            // The state and its place belong to another socket so far.
            return false;
        }
        self.in_order(|inner| {
            let is_live = |it: &Track| it.is_live.load(Ordering::Relaxed);
            let successor = if is_live(track) { None } else { socket.successor() };
            let (socket, live) = match &successor {
                Some(successor) => (successor, successor.track().filter(|it| is_live(it))),
                None => (socket, Some(track).filter(|it| is_live(it))),
            };
            if live.is_none() && !inner.shelf.contains(track.pid) {
                inner.garbage.sockets.extend(successor);
                return false;
            }
            let audience = Audience::One(socket.id());
            let mut is_sent = false;
            if let Some((place, packet)) = self.keep(inner, encoding, packet, audience)
                && let Some(live) = live
            {
                live.sent.store(place, Ordering::Relaxed);
                is_sent = socket.session().outbox.push_shared(&packet);
            }
            inner.garbage.sockets.extend(successor);
            is_sent
        })
    }

    /// Lets a socket in: first what it missed, then CONNECT, then it is reachable. `None` when it
    /// cannot have its state back and must begin anew; else what is to be told about its rooms.
    pub(crate) fn attach<'a>(&self, socket: &'a Socket, track: &Track) -> Option<RoomEvents<'a>> {
        let identity = socket.identity();
        self.in_order(|inner| {
            let now = Instant::now();
            self.purge(inner, now);
            let mut restored = None;
            {
                let mut history = lock(&track.history);
                let next = inner.next();
                if let Some(claim) = track.claim {
                    let skips = self.options.skip_middlewares;
                    let (saved, missed) =
                        inner.take_back(track, claim, skips, identity.as_deref())?;
                    history.resume(saved.history, next);
                    let mut sent = saved.sent;
                    for (place, packet) in missed {
                        socket.session().outbox.push_shared(&packet);
                        sent = place;
                    }
                    track.sent.store(sent, Ordering::Relaxed);
                    track.is_recovered.store(true, Ordering::Release);
                    let rooms: Vec<_> = history.rooms().cloned().collect();
                    let back = Restored { data: saved.data, identity: saved.identity };
                    restored = Some((back, rooms));
                } else {
                    history.begin(next);
                }
            }
            inner.live.insert(track.pid, socket.clone());
            track.is_live.store(true, Ordering::Relaxed);
            socket.go_live(Some(track.pid));
            Some(match restored {
                Some((restored, rooms)) => socket.restore(restored, &rooms),
                None => RoomEvents::begin(socket.namespace_inner().rooms(), socket.id()),
            })
        })
    }

    /// Takes a socket out, by `leave`. With a `cut` it may come back.
    pub(crate) fn detach<R>(
        &self,
        socket: &Socket,
        cut: Option<Cut>,
        leave: impl FnOnce() -> R,
    ) -> R {
        self.in_order(|inner| {
            let left = leave();
            let Some(track) = socket.track() else { return left };
            if !track.is_live.swap(false, Ordering::Relaxed) {
                return left;
            }
            // Its caller has it too, so this drop is never the last.
            inner.live.remove(&track.pid);
            if inner.live.len() < inner.live.capacity() / 4 {
                inner.live.shrink_to_fit();
            }
            let cut = cut.filter(|_| !track.is_put_out.load(Ordering::Relaxed));
            let Some(Cut { data, identity }) = cut else { return left };
            let saved = Saved {
                id: socket.id(),
                cut: inner.next(),
                cut_at: Instant::now(),
                sent: track.sent.load(Ordering::Relaxed),
                history: std::mem::take(&mut lock(&track.history)),
                data,
                identity,
                auth: track.auth,
            };
            inner.shelf.put(track.pid, saved);
            if self.options.sessions_max < inner.shelf.len() {
                inner.shelf.forget_oldest();
            }
            left
        })
    }

    /// Changes the rooms of a socket; `change` says which it has joined and which it has left.
    pub(crate) fn move_rooms<R>(
        &self,
        track: &Track,
        change: impl FnOnce(&mut Moves<'_>) -> R,
    ) -> R {
        self.in_order(|inner| {
            let (next, first) = (inner.next(), inner.first);
            change(&mut Moves { track, next, first })
        })
    }

    /// A client that was put out must not come back with its state.
    pub(crate) fn forget(&self, track: &Track) {
        let saved = self.in_order(|inner| {
            // Its cut may be under way on another thread.
            track.is_put_out.store(true, Ordering::Relaxed);
            inner.shelf.take(track.pid)
        });
        drop(saved);
    }

    /// Gives a packet its place. `None` when nobody could ever miss it.
    fn keep(
        &self,
        inner: &mut Inner,
        encoding: &Encoding,
        packet: &Prepared,
        audience: Audience,
    ) -> Option<(u64, Arc<Prepared>)> {
        if inner.live.is_empty() && inner.shelf.is_empty() {
            return None;
        }
        let (place, at) = (inner.next(), Instant::now());
        let offset = self.offsets.write(place);
        let packet = Arc::new(encoding.with_offset(packet, offset.as_str()));
        let bytes = 2 * packet.len() + audience.names_bytes() + KEPT_BYTES;
        inner.bytes += bytes;
        inner.packets.push_back(Kept { at, audience, packet: Arc::clone(&packet), bytes });
        self.purge(inner, at);
        Some((place, packet))
    }

    /// Forgets what is too old or too much.
    fn purge(&self, inner: &mut Inner, now: Instant) {
        while let Some(oldest) = inner.packets.front() {
            let is_over = self.options.packets_max < inner.packets.len()
                || self.options.bytes_max < inner.bytes;
            if !is_over && now.saturating_duration_since(oldest.at) <= self.window {
                break;
            }
            inner.bytes -= oldest.bytes;
            inner.first += 1;
            inner.garbage.packets.extend(inner.packets.pop_front());
        }
        if inner.packets.len() < inner.packets.capacity() / 4 {
            inner.packets.shrink_to(inner.packets.len() * 2);
        }
        let is_old =
            |cut: Instant| self.options.max_disconnection < now.saturating_duration_since(cut);
        while inner.shelf.oldest().is_some_and(is_old) {
            inner.shelf.forget_oldest();
        }
    }

    fn in_order<R>(&self, work: impl FnOnce(&mut Inner) -> R) -> R {
        let (result, garbage) = {
            let mut inner = lock(&self.inner);
            let result = work(&mut inner);
            (result, std::mem::take(&mut inner.garbage))
        };
        drop(garbage);
        result
    }
}

impl Inner {
    /// The place of the next packet.
    fn next(&self) -> u64 {
        self.first + self.packets.len() as u64
    }

    /// The place of the first packet that the client may lack; `None` when something that it lacks
    /// is gone.
    fn replay_saved(&self, saved: &Saved, claim: Claim) -> Option<u64> {
        self.replay_from(claim, (saved.sent, saved.cut), &saved.history)
    }

    /// The same as if the socket were cut now.
    fn replay_live(&self, socket: &Socket, claim: Claim) -> Option<u64> {
        let track = socket.track()?;
        let sent = track.sent.load(Ordering::Relaxed);
        self.replay_from(claim, (sent, self.next()), &lock(&track.history))
    }

    fn replay_from(&self, claim: Claim, (sent, cut): (u64, u64), history: &History) -> Option<u64> {
        let from = match claim.place {
            Some(place) if self.next() <= place => return None,
            // It has all that was sent before the cut, whatever the log has forgotten of it.
            Some(place) if sent <= place => cut.max(place + 1),
            // It remembers a packet of this socket, or of one before: then it has got none.
            Some(place) => history.since().max(place + 1),
            None if sent == 0 => cut,
            None => return None,
        };
        (self.first <= from && history.floor() <= from).then_some(from)
    }

    /// Gives a saved state back with the packets that were missed, if the client is the same.
    fn take_back(
        &mut self,
        track: &Track,
        claim: Claim,
        skips_middlewares: bool,
        identity: Option<&str>,
    ) -> Option<(Saved, Missed)> {
        let saved = self.shelf.find(track.pid)?;
        let is_same = skips_middlewares
            || is_same((saved.identity.as_deref(), saved.auth), (identity, track.auth));
        let from = self.replay_saved(saved, claim).filter(|_| is_same)?;
        let recipient = saved.history.recipient(saved.id);
        let skipped = usize::try_from(from - self.first).ok()?;
        let behind = (from..).zip(self.packets.iter().skip(skipped));
        let (mut missed, mut bytes) = (Vec::new(), 0);
        for (place, kept) in
            behind.filter(|(place, kept)| recipient.is_meant(*place, &kept.audience))
        {
            bytes += kept.packet.len();
            if self.replay_bytes_max < bytes {
                return None;
            }
            missed.push((place, Arc::clone(&kept.packet)));
        }
        drop(recipient);
        self.shelf.take(track.pid).map(|saved| (saved, missed))
    }
}

/// Whether a client is the one from before: by its identity, or else by its auth payload.
fn is_same(before: (Option<&str>, Fingerprint), now: (Option<&str>, Fingerprint)) -> bool {
    match (before.0, now.0) {
        (None, None) => before.1 == now.1,
        (before, now) => before == now,
    }
}

impl Alarm for Log {
    fn ring(&self) {
        self.in_order(|inner| self.purge(inner, Instant::now()));
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("options", &self.options).finish_non_exhaustive()
    }
}

/// Notes joins and leaves at their place.
pub(crate) struct Moves<'a> {
    track: &'a Track,
    next: u64,
    first: u64,
}

impl Moves<'_> {
    pub(crate) fn joined(&mut self, room: &Arc<str>) {
        lock(&self.track.history).join(room, self.next);
    }

    pub(crate) fn left(&mut self, room: &str) {
        lock(&self.track.history).leave(room, self.next, self.first);
    }
}

/// About what a packet costs besides its own bytes.
const KEPT_BYTES: usize = 256;
