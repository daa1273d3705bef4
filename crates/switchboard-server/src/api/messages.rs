//! `/rooms/{room}/messages` and `/rooms/{room}/messages/{id}`.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};

use super::Api;
use super::answer::{
    Refusal, etag_of_rev, expected_rev, json, json_if_new, located, message_if_new,
};
use super::extract::{AnyCaller, InRoom, Json, OfMessage, Query, Writer};
use crate::limits;
use crate::rooms::{ClientId, Message, MessageText, Problem, RoomSlug, Sent};
use crate::store::{Page, PageOf};

#[derive(Deserialize)]
pub(super) struct NewMessage {
    text: String,
    client_id: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct Replacement {
    text: String,
}

#[derive(Deserialize)]
pub(super) struct Edit {
    text: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct PageQuery {
    before: Option<i64>,
    after: Option<i64>,
    limit: Option<u32>,
}

#[derive(Serialize)]
struct PageBody {
    messages: Vec<Message>,
    has_more: bool,
}

/// `GET /rooms/{room}/messages`
pub(super) async fn page(
    State(api): State<Api>,
    _caller: AnyCaller,
    InRoom(room): InRoom,
    Query(query): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Response<Body>, Refusal> {
    let limit = query.limit.unwrap_or(limits::PAGE_MESSAGES);
    if !(1..=limits::PAGE_MESSAGES_MAX).contains(&limit) {
        let range = format!("`limit` must be 1 to {}", limits::PAGE_MESSAGES_MAX);
        return Err(Problem::new(400, range).into());
    }
    let of = match (query.before, query.after) {
        (None, None) => PageOf::Latest,
        (Some(id), None) => PageOf::Before(id),
        (None, Some(id)) => PageOf::After(id),
        _ => return Err(Problem::new(400, "either `before` or `after`, not both").into()),
    };
    let page = api.rooms.page(room.clone(), of, limit).await?;
    let link = links(&room, &page, limit);
    let Page { messages, has_older, has_newer } = page;
    let has_more = if matches!(of, PageOf::After(_)) { has_newer } else { has_older };
    let mut response = json_if_new(&headers, &PageBody { messages, has_more });
    if let Some(link) = link.and_then(|it| HeaderValue::from_str(&it).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// `POST /rooms/{room}/messages`
pub(super) async fn send(
    State(api): State<Api>,
    Writer(guest): Writer,
    InRoom(room): InRoom,
    Json(new): Json<NewMessage>,
) -> Result<Response<Body>, Refusal> {
    let text = MessageText::parse(&new.text)?;
    let client_id = new.client_id.as_deref().map(ClientId::parse);
    let client_id = client_id.transpose()?;
    let Sent { message, is_new } = api.rooms.send(&guest.id, room, text, client_id).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    let path = format!("/api/v1/rooms/{}/messages/{}", message.room, message.id);
    Ok(located(json(status, &etag_of_rev(message.rev), &message), &path))
}

/// `GET /rooms/{room}/messages/{id}`
pub(super) async fn show(
    State(api): State<Api>,
    _caller: AnyCaller,
    OfMessage(room, id): OfMessage,
    headers: HeaderMap,
) -> Result<Response<Body>, Refusal> {
    Ok(message_if_new(&headers, &api.rooms.message(room, id).await?))
}

/// `PUT /rooms/{room}/messages/{id}`
pub(super) async fn replace(
    State(api): State<Api>,
    Writer(guest): Writer,
    OfMessage(room, id): OfMessage,
    headers: HeaderMap,
    Json(replacement): Json<Replacement>,
) -> Result<Response<Body>, Refusal> {
    let text = Some(MessageText::parse(&replacement.text)?);
    let message = api.rooms.edit(&guest.id, (room, id), text, expected_rev(&headers)).await?;
    Ok(json(StatusCode::OK, &etag_of_rev(message.rev), &message))
}

/// `PATCH /rooms/{room}/messages/{id}`: as `PUT`, but what is left out stays.
pub(super) async fn edit(
    State(api): State<Api>,
    Writer(guest): Writer,
    OfMessage(room, id): OfMessage,
    headers: HeaderMap,
    Json(edit): Json<Edit>,
) -> Result<Response<Body>, Refusal> {
    let text = edit.text.as_deref().map(MessageText::parse).transpose()?;
    let message = api.rooms.edit(&guest.id, (room, id), text, expected_rev(&headers)).await?;
    Ok(json(StatusCode::OK, &etag_of_rev(message.rev), &message))
}

/// `DELETE /rooms/{room}/messages/{id}`
pub(super) async fn remove(
    State(api): State<Api>,
    Writer(guest): Writer,
    OfMessage(room, id): OfMessage,
    headers: HeaderMap,
) -> Result<Response<Body>, Refusal> {
    api.rooms.delete(&guest.id, (room, id), expected_rev(&headers)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Where the pages beside this one are.
fn links(room: &RoomSlug, page: &Page, limit: u32) -> Option<String> {
    let link = |rel: &str, query: &str, id: i64| {
        format!("</api/v1/rooms/{room}/messages?{query}={id}&limit={limit}>; rel=\"{rel}\"")
    };
    let older = page.messages.first().filter(|_| page.has_older);
    let newer = page.messages.last().filter(|_| page.has_newer);
    let links = [
        older.map(|it| link("prev", "before", it.id)),
        newer.map(|it| link("next", "after", it.id)),
    ];
    let links: Vec<String> = links.into_iter().flatten().collect();
    (!links.is_empty()).then(|| links.join(", "))
}
