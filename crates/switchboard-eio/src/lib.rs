//! Engine.IO packets, polling payloads and session rules, with no I/O.
