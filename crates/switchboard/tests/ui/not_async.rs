//! A handler that is not async.

//~ cannot handle this
//~ not an async function of extractors
//~ a handler is an async function or closure of up to eight extractors

pub fn register(io: &switchboard::Server) {
    io.on("say", |_socket: switchboard::Socket| ());
}
