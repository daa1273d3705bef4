//! An emit of what cannot be written.

//~ `Odd` cannot be the arguments of an event
//~ one argument: `&value`; several: a tuple `(a, b)`; none: `()`

pub struct Odd;

pub fn tell(socket: &switchboard::Socket) {
    socket.emit("x", Odd).ok();
}
