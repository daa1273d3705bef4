//! A handler that captures what cannot be cloned.

//~ the trait bound `OnlyOne: Clone` is not satisfied

struct OnlyOne;

pub fn register(io: &switchboard::Server) {
    let one = OnlyOne;
    io.on("say", async move |_socket: switchboard::Socket| drop(one));
}
