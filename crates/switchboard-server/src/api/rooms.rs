//! `/rooms` and `/rooms/{room}`.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::HeaderMap;
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Api;
use super::answer::{Refusal, etag_of, json, json_if_new, located};
use super::extract::{AnyCaller, InRoom, Json, Writer};
use crate::rooms::{Room, RoomName, Topic};

#[derive(Deserialize)]
pub(super) struct NewRoom {
    name: String,
    #[serde(default)]
    topic: String,
}

#[derive(Serialize)]
struct List {
    rooms: Vec<Room>,
}

/// `GET /rooms`
pub(super) async fn list(
    State(api): State<Api>,
    AnyCaller(guest): AnyCaller,
    headers: HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let rooms = api.rooms.list(guest.as_ref().map(|it| &it.id)).await?;
    Ok(json_if_new(&headers, &List { rooms }))
}

/// `POST /rooms`
pub(super) async fn create(
    State(api): State<Api>,
    Writer(guest): Writer,
    Json(new): Json<NewRoom>,
) -> Result<Response<Body>, Refusal> {
    let name = RoomName::parse(&new.name)?;
    let topic = Topic::parse(&new.topic)?;
    let room = api.rooms.create(&guest.id, name, topic).await?;
    let path = format!("/api/v1/rooms/{}", room.id);
    Ok(located(json(StatusCode::CREATED, &etag_of(&room), &room), &path))
}

/// `GET /rooms/{room}`
pub(super) async fn show(
    State(api): State<Api>,
    AnyCaller(guest): AnyCaller,
    InRoom(room): InRoom,
    headers: HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let room = api.rooms.room(room, guest.as_ref().map(|it| &it.id)).await?;
    Ok(json_if_new(&headers, &room))
}
