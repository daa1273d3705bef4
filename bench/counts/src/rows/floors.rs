//! Parsing and encoding without a runtime: the three floors, called one after the other as the library does.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use switchboard_sio::{Body, Decoder, Input, Role};
use switchboard_ws::{Connection, Event, Message};
use {switchboard_eio as eio, switchboard_sio as sio, switchboard_ws as ws};

use super::{Row, Run, TEXT_20};
use crate::apart::aside;

pub(super) fn rows() -> Vec<Row> {
    let row = |name, unit, run: Run| Row {
        name,
        unit,
        units_per_turn: 1,
        turns_few: 1_000,
        turns_many: 11_000,
        run,
    };
    vec![
        row("parse 20 B", "event", |turns| parse(20, turns)),
        row("parse 128 B", "event", |turns| parse(128, turns)),
        row("parse 1 KiB", "event", |turns| parse(1024, turns)),
        row("encode event 128 B", "event", encode_event),
        row("encode ack 20 B", "ack", encode_ack),
    ]
}

/// From a masked frame in the read buffer to the event's name and its argument as JSON.
fn parse(bytes: usize, turns: u32) -> Result<()> {
    let text = format!("421[\"echo\",\"{}\"]", "x".repeat(bytes));
    let mut frame = Vec::new();
    ws::encode_masked(Message::Text(&text), [0x37, 0xfa, 0x21, 0x3d], &mut frame);
    let (now, config) = (Instant::now(), eio::Config::default());
    let mut connection = Connection::new(ws::Role::Server, ws::Limits::default());
    let mut session = eio::Session::new(eio::Transport::WebSocket, &config, now);
    let mut decoder = Decoder::new(Role::Server);
    let (mut replies, mut sends) = (Vec::new(), Vec::new());
    let mut buffer = frame.clone();
    for _ in 0..turns {
        aside(|| buffer.copy_from_slice(&frame));
        let mut input = &mut buffer[..];
        let Some(Event::Text(text)) = connection.receive(&mut input, now, &mut replies)? else {
            anyhow::bail!("no text");
        };
        let packet = eio::Packet::decode(eio::Data::Text(&text))?;
        let event = session.receive(eio::Lane::Current, packet, &config, now, &mut sends)?;
        let Some(eio::Event::Message(eio::Data::Text(text))) = event else {
            anyhow::bail!("no message");
        };
        let packet = decoder.receive(Input::Text(text), &sio::Limits::default())?;
        let Some(Body::Event { id: Some(1), payload }) = packet.map(|it| it.body) else {
            anyhow::bail!("no event with an ack");
        };
        ensure!(black_box(payload.event_name()) == "echo", "another name");
        ensure!(black_box(payload.args_json()).len() == bytes + 2, "other arguments");
    }
    Ok(())
}

/// From a value to the frame of an event, into a buffer that is there.
fn encode_event(turns: u32) -> Result<()> {
    let argument = "x".repeat(128);
    encode(turns, "42[\"message\",\"".len() + 128 + 2, |text| {
        sio::encode::event("/", None, "message", &*argument, text).map(drop)
    })
}

fn encode_ack(turns: u32) -> Result<()> {
    encode(turns, "431[\"".len() + TEXT_20.len() + 2, |text| {
        sio::encode::ack("/", 1, TEXT_20, text).map(drop)
    })
}

fn encode(
    turns: u32,
    len: usize,
    packet: impl Fn(&mut Vec<u8>) -> Result<(), sio::EncodeError>,
) -> Result<()> {
    let (mut text, mut frames) = (Vec::with_capacity(1024), Vec::with_capacity(1024));
    for _ in 0..turns {
        text.clear();
        frames.clear();
        text.push(b'4');
        packet(&mut text)?;
        let message = std::str::from_utf8(&text).context("packets are UTF-8")?;
        ws::encode(Message::Text(message), &mut frames);
        ensure!(black_box(&frames).ends_with(b"\"]") && text.len() == len, "another packet");
    }
    Ok(())
}
