//! Socket.IO packets, attachments and acks, with no I/O.
