//! An event middleware that does not say whether the event may pass.

//~ cannot handle this
//~ an event middleware `Result<(), EventError>`

pub fn register(io: &switchboard::Server) {
    io.event_middleware(async |_socket: switchboard::Socket| ());
}
