//! Names of rooms, as callers write them: one or many.

use std::borrow::Cow;
use std::sync::Arc;

use crate::Id;

/// One room or several: `"a"`, a `String`, `["a", "b"]`, `&list`, a socket's [`Id`].
///
/// ```
/// use switchboard::{Server, Socket};
///
/// let io = Server::builder().build();
/// io.on("connection", async |socket: Socket| {
///     socket.join(["news", "sports"]).ok();
///     socket.to("news").emit("joined", &socket.id()).ok();
/// });
/// let rooms = vec!["news".to_owned(), "weather".to_owned()];
/// io.to(&rooms).except("muted").emit("hello", ()).ok();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` names no rooms",
    label = "not a room's name, nor a list of them",
    note = "give a `&str`, a `String`, an `Id`, or an array, slice or `Vec` of such"
)]
pub trait IntoRooms {
    /// Calls `visit` for every name.
    fn each_room(self, visit: &mut dyn FnMut(&str));
}

macro_rules! one_room {
    ($($name:ty),+ $(,)?) => {$(
        impl IntoRooms for $name {
            fn each_room(self, visit: &mut dyn FnMut(&str)) {
                visit(self.as_ref());
            }
        }
    )+};
}

one_room!(
    &str,
    &&str,
    String,
    &String,
    Box<str>,
    &Box<str>,
    Arc<str>,
    &Arc<str>,
    Cow<'_, str>,
    &Cow<'_, str>,
    Id,
    &Id,
);

macro_rules! many_rooms {
    ($([$($generics:tt)*] $list:ty),+ $(,)?) => {$(
        impl<S: AsRef<str>, $($generics)*> IntoRooms for $list {
            fn each_room(self, visit: &mut dyn FnMut(&str)) {
                self.iter().for_each(|it| visit(it.as_ref()));
            }
        }
    )+};
}

many_rooms!(
    [const N: usize] [S; N],
    [const N: usize] &[S; N],
    [] &[S],
    [] Vec<S>,
    [] &Vec<S>,
);

/// The names in boxes of their own.
pub(crate) fn boxed(rooms: impl IntoRooms) -> Vec<Box<str>> {
    let mut names = Vec::new();
    add(rooms, &mut names);
    names
}

/// Adds the names to a list.
pub(crate) fn add(rooms: impl IntoRooms, names: &mut Vec<Box<str>>) {
    rooms.each_room(&mut |name| names.push(name.into()));
}
