//! An argument that no context can give.

//~ `u8` is not something that a handler can ask for
//~ not an extractor
//~ handlers take `Socket`, `Data<T>`
//~ the first argument of the event is `Data<u8>`

pub fn ask(context: &switchboard::Context<'_>) {
    <u8 as switchboard::FromContext>::from_context(context).ok();
}
