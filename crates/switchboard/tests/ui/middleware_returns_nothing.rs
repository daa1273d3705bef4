//! A middleware that does not say whether the client may connect.

//~ cannot handle this
//~ not an async function of extractors
//~ a middleware returns `Result<(), ConnectError>`

pub fn register(io: &switchboard::Server) {
    io.of("/").middleware(async |_socket: switchboard::Socket| ());
}
