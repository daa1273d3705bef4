//! What carries the bytes of a WebSocket: TCP here, TLS and HTTP/2 in files of their own.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Context, Result, bail};
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, bind, connect, recv, setsockopt,
    socket, sockopt,
};

/// A byte stream to the server that never blocks.
pub(crate) trait Transport: Read + Write + AsFd + Sized {
    /// Can bytes wait inside, unseen by epoll? Then reading goes on until nothing is left.
    const HOLDS_BYTES: bool = false;
    /// Does the WebSocket begin with an upgrade request of HTTP/1.1, or is it open already?
    const UPGRADES: bool = true;

    /// Connects from `source`.
    fn connect(source: Ipv4Addr, server: SocketAddr) -> Result<Self>;

    /// Takes up to `count` bytes out of the stream without looking at them.
    fn skip(&mut self, count: usize, scratch: &mut [u8]) -> io::Result<usize> {
        let count = count.min(scratch.len());
        self.read(scratch.get_mut(..count).unwrap_or_default())
    }
}

impl Transport for TcpStream {
    fn connect(source: Ipv4Addr, server: SocketAddr) -> Result<Self> {
        let stream = connected(source, server)?;
        stream.set_nonblocking(true)?;
        Ok(stream)
    }

    /// The kernel drops them without a copy.
    fn skip(&mut self, count: usize, scratch: &mut [u8]) -> io::Result<usize> {
        let count = count.min(scratch.len());
        let room = scratch.get_mut(..count).unwrap_or_default();
        Ok(recv(self.as_raw_fd(), room, MsgFlags::MSG_TRUNC)?)
    }
}

/// A TCP connection from `source` that still blocks, with `TCP_NODELAY`.
pub(crate) fn connected(source: Ipv4Addr, server: SocketAddr) -> Result<TcpStream> {
    let SocketAddr::V4(server) = server else { bail!("servers listen on IPv4") };
    let fd = socket(AddressFamily::Inet, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)
        .context("no socket; is `ulimit -n` below 20000?")?;
    // The port is chosen by `connect`, which is quick; `bind` would search for one that nobody at all uses.
    setsockopt(&fd, sockopt::IpBindAddressNoPort, &true)?;
    bind(fd.as_raw_fd(), &SockaddrIn::from(SocketAddrV4::new(source, 0)))?;
    connect(fd.as_raw_fd(), &SockaddrIn::from(server)).context("cannot connect")?;
    let stream = TcpStream::from(fd);
    stream.set_nodelay(true)?;
    Ok(stream)
}
