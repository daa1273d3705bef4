//! A handler whose future must stay on its thread.

//~ future cannot be sent between threads safely
//~ `held`

pub fn register(io: &switchboard::Server) {
    io.on("say", async |_socket: switchboard::Socket| {
        let held = std::rc::Rc::new(1);
        std::future::ready(()).await;
        drop(held);
    });
}
