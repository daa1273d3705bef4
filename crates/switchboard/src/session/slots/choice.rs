//! Which handlers an event meets: how many at once, and whether there is just one.

use crate::listeners::{EventListener, HandlerId, Plan};

/// How many events a handler may have in hand at once.
#[derive(Clone, Copy)]
pub(super) struct Concurrency {
    pub(super) of: HandlerId,
    pub(super) count: usize,
}

/// The most that one of the event's handlers asks for, if that is more than one event at once.
pub(super) fn concurrency(plans: [Option<&Plan>; 3]) -> Option<Concurrency> {
    let handlers = plans.into_iter().flatten().filter_map(|it| it.own.as_deref()).flatten();
    let most = handlers.map(|it| Concurrency { of: it.id, count: it.concurrency() });
    most.filter(|it| 1 < it.count).max_by_key(|it| it.count)
}

/// How much there is to do for an event.
pub(super) enum Sole<'a> {
    Nobody,
    /// The usual case, for which nothing has to be kept.
    One(&'a EventListener),
    Several,
}

pub(super) fn sole_handler<'a>(
    own: &'a Plan,
    shared: &'a Plan,
    family: Option<&'a Plan>,
) -> Sole<'a> {
    let plans = || [own, shared].into_iter().chain(family);
    if !plans().all(Plan::is_plain) {
        return Sole::Several;
    }
    let mut handlers = plans().filter_map(|it| it.own.as_deref()).flatten();
    match (handlers.next(), handlers.next()) {
        (None, _) => Sole::Nobody,
        (Some(handler), None) => Sole::One(handler),
        (Some(_), Some(_)) => Sole::Several,
    }
}
