//! A handler with a value that nobody would get.

//~ cannot handle this
//~ not an async function of extractors
//~ it returns `()`

pub fn register(io: &switchboard::Server) {
    io.on("say", async |_socket: switchboard::Socket| Ok::<(), switchboard::EventError>(()));
}
