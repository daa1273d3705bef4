//! What clients may ask for: one function for each event, thin over the service. By either door.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::call::{Call, Events, Kind};
use super::deliver::room_channel;
use crate::limits;
use crate::rooms::{
    ClientId, Error, Expected, GuestName, Invalid, Message, MessageText, Person, Room, RoomName,
    RoomSlug, Topic,
};
use crate::store::{Page, PageOf};

/// Registers all of them with a door.
pub(super) fn register(door: &mut impl Events) {
    door.on("rooms", Kind::Question, rooms);
    door.on("room:create", Kind::Change, create);
    door.on("room:enter", Kind::Question, enter);
    door.on("room:leave", Kind::Question, leave);
    door.on("room:read", Kind::Question, read);
    door.on("history", Kind::Question, history);
    door.on("message:send", Kind::Change, send);
    door.on("message:edit", Kind::Change, edit);
    door.on("message:delete", Kind::Change, delete);
    door.on("typing", Kind::Question, typing);
    door.on("me:rename", Kind::Change, rename);
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct RoomList {
    me: Person,
    rooms: Vec<Room>,
}

async fn rooms(call: Call, _: IgnoredAny) -> Result<RoomList, Error> {
    let me = call.rooms().guest(call.guest()).await?.person();
    Ok(RoomList { me, rooms: call.rooms().list(Some(call.guest())).await? })
}

#[derive(Deserialize)]
struct Create {
    name: String,
    topic: Option<String>,
}

#[derive(Serialize)]
struct Created {
    room: Room,
}

async fn create(call: Call, request: Create) -> Result<Created, Error> {
    let name = RoomName::parse(&request.name)?;
    let topic = Topic::parse(request.topic.as_deref().unwrap_or_default())?;
    Ok(Created { room: call.rooms().create(call.guest(), name, topic).await? })
}

#[derive(Deserialize)]
struct Enter {
    room: String,
    rev: Option<i64>,
}

#[derive(Serialize)]
struct Inside {
    room: Room,
    messages: Vec<Message>,
    rev: i64,
    has_more: bool,
    reset: bool,
    members: Vec<Person>,
    read_id: i64,
}

async fn enter(call: Call, request: Enter) -> Result<Inside, Error> {
    let room = RoomSlug::parse(&request.room)?;
    let channel = room_channel(&room);
    let was_inside = call.line.is_in(&channel);
    // Before anything is read, so that nothing is missed between reading and listening.
    call.line.join(&channel)?;
    match call.rooms().enter(call.tab(), call.guest(), room, request.rev).await {
        Ok(it) => Ok(Inside {
            rev: it.room.last_rev,
            room: it.room,
            messages: it.messages,
            has_more: it.has_more,
            reset: it.reset,
            members: it.members,
            read_id: it.read_id,
        }),
        Err(error) => {
            if !was_inside {
                call.line.leave(&channel);
            }
            Err(error)
        }
    }
}

#[derive(Deserialize)]
struct Leave {
    room: String,
}

async fn leave(call: Call, request: Leave) -> Result<Nothing, Error> {
    let room = RoomSlug::parse(&request.room)?;
    call.line.leave(&room_channel(&room));
    call.rooms().leave(call.tab(), &room).await;
    Ok(Nothing {})
}

#[derive(Deserialize)]
struct OfMessage {
    room: String,
    id: i64,
}

async fn read(call: Call, request: OfMessage) -> Result<Nothing, Error> {
    let room = RoomSlug::parse(&request.room)?;
    call.rooms().mark_read(call.guest(), room, request.id).await?;
    Ok(Nothing {})
}

#[derive(Deserialize)]
struct History {
    room: String,
    before: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct Older {
    messages: Vec<Message>,
    has_more: bool,
}

async fn history(call: Call, request: History) -> Result<Older, Error> {
    let room = RoomSlug::parse(&request.room)?;
    let limit = request.limit.unwrap_or(limits::PAGE_MESSAGES);
    if !(1..=limits::PAGE_MESSAGES_MAX).contains(&limit) {
        let reason = format!("must be 1 to {}", limits::PAGE_MESSAGES_MAX);
        return Err(Invalid { field: "limit", reason }.into());
    }
    let of = request.before.map_or(PageOf::Latest, PageOf::Before);
    let Page { messages, has_older, .. } = call.rooms().page(room, of, limit).await?;
    Ok(Older { messages, has_more: has_older })
}

#[derive(Deserialize)]
struct Send {
    room: String,
    text: String,
    client_id: Option<String>,
}

#[derive(Serialize)]
struct Sent {
    message: Message,
}

async fn send(call: Call, request: Send) -> Result<Sent, Error> {
    let room = RoomSlug::parse(&request.room)?;
    let text = MessageText::parse(&request.text)?;
    let client_id = request.client_id.as_deref().map(ClientId::parse).transpose()?;
    let sent = call.rooms().send(call.guest(), room, text, client_id).await?;
    Ok(Sent { message: sent.message })
}

#[derive(Deserialize)]
struct Edit {
    room: String,
    id: i64,
    text: String,
}

async fn edit(call: Call, request: Edit) -> Result<Sent, Error> {
    let place = (RoomSlug::parse(&request.room)?, request.id);
    let text = Some(MessageText::parse(&request.text)?);
    let message = call.rooms().edit(call.guest(), place, text, Expected::Anything).await?;
    Ok(Sent { message })
}

async fn delete(call: Call, request: OfMessage) -> Result<Sent, Error> {
    let place = (RoomSlug::parse(&request.room)?, request.id);
    let message = call.rooms().delete(call.guest(), place, Expected::Anything).await?;
    Ok(Sent { message })
}

#[derive(Deserialize)]
struct Typing {
    room: String,
    typing: bool,
}

async fn typing(call: Call, request: Typing) -> Result<Nothing, Error> {
    let room = RoomSlug::parse(&request.room)?;
    call.rooms().typing(call.guest(), &room, request.typing).await;
    Ok(Nothing {})
}

#[derive(Deserialize)]
struct Rename {
    name: String,
}

#[derive(Serialize)]
struct Renamed {
    me: Person,
}

async fn rename(call: Call, request: Rename) -> Result<Renamed, Error> {
    let name = GuestName::parse(&request.name)?;
    let guest = call.rooms().rename(call.guest(), name, Some(call.tab().clone())).await?;
    Ok(Renamed { me: guest.person() })
}
