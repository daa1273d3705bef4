//! WebSocket frames, handshake values and connection rules, with no I/O.
