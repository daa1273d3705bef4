//! Plain data where an extractor is wanted.

//~ cannot handle this
//~ not an async function of extractors
//~ plain data is no extractor: write `Data<String>`, not `String`

pub fn register(io: &switchboard::Server) {
    io.on("say", async |_text: String| ());
}
