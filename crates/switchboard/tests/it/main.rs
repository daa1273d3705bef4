//! The library as a whole: real connections on loopback, spoken to in raw bytes.
//!
//! Official clients are played in `e2e/`; here stands what they cannot do or cannot see.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may fail loudly"
)]

mod broadcast_acks;
mod broadcasts;
mod client;
mod cluster;
mod deflate;
mod durations;
mod ending;
mod engine;
mod handlers;
mod http2;
mod http2_attacks;
mod http2_client;
mod http2_plain;
mod http_bodies;
mod http_client;
mod http_door;
mod listening;
mod messages;
mod namespaces;
mod operators;
mod packet_rate;
mod parsers;
mod plain;
mod plain_ending;
mod polling;
mod pressure;
mod promises_order;
mod promises_pressure;
mod recovery;
mod recovery_early;
mod recovery_rules;
mod recovery_stress;
mod rooms;
mod threats_engine;
mod threats_packets;
#[cfg(feature = "tls")]
mod tls;
mod v3;
mod ws_client;
mod ws_client_evil;
mod ws_client_life;
mod ws_client_proxy;
#[cfg(feature = "tls")]
mod ws_client_tls;
