//! Real-time engine: Socket.IO, Engine.IO and WebSocket over tokio and hyper.
