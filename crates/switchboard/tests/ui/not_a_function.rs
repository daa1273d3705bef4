//! A handler that is no function.

//~ `&str` cannot handle this
//~ not an async function of extractors

pub fn register(io: &switchboard::Server) {
    io.on("say", "hello");
}
