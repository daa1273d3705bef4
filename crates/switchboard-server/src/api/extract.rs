//! What a request says: who asks, its body, its query, its path. Whatever is wrong with any of
//! them is answered with a problem.

use std::net::IpAddr;

use axum::body::HttpBody;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{self, HeaderMap};
use axum::http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use switchboard::PeerAddress;

use super::Api;
use super::answer::Refusal;
use crate::rooms::{Error, Guest, Problem, RoomSlug, Token};

/// Who asks; without a valid token the answer is 401.
pub(super) struct Caller(pub(super) Guest);

impl FromRequestParts<Api> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let AnyCaller(guest) = AnyCaller::from_request_parts(parts, api).await?;
        guest.map(Self).ok_or_else(|| Error::Unauthorized.into())
    }
}

/// Who wants to change something: a [`Caller`] who has not done so too often.
pub(super) struct Writer(pub(super) Guest);

impl FromRequestParts<Api> for Writer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let Caller(guest) = Caller::from_request_parts(parts, api).await?;
        api.take_write(&guest.id)?;
        Ok(Self(guest))
    }
}

/// Who asks, if they say so. A token that nobody has is 401 all the same.
pub(super) struct AnyCaller(pub(super) Option<Guest>);

impl FromRequestParts<Api> for AnyCaller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let Some(token) = bearer(&parts.headers)? else { return Ok(Self(None)) };
        Ok(Self(Some(api.rooms.guest_of_token(&token).await?)))
    }
}

/// The address that the connection comes from. No header can change it.
pub(super) struct Address(pub(super) IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for Address {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let info = parts.extensions.get::<PeerAddress>();
        let address = info.map(|it| it.0.ip());
        address.map(Self).ok_or_else(|| Problem::new(500, "the address is not known").into())
    }
}

/// A JSON body.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Refusal;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Refusal> {
        let too_long = || Problem::new(413, format!("at most {} bytes", api.limits.body_bytes_max));
        if !is_json(request.headers()) {
            return Err(Problem::new(415, "send JSON, with Content-Type: application/json").into());
        }
        // A length that is only claimed is refused before the body comes.
        let claimed = usize::try_from(request.body().size_hint().lower()).unwrap_or(usize::MAX);
        if api.limits.body_bytes_max < claimed {
            return Err(too_long().into());
        }
        let body = Limited::new(request.into_body(), api.limits.body_bytes_max);
        let body = match tokio::time::timeout(api.limits.body_timeout, body.collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<LengthLimitError>() => return Err(too_long().into()),
            Ok(Err(_)) => return Err(Problem::new(400, "the body ended early").into()),
            Err(_) => return Err(Problem::new(408, "the body did not come in time").into()),
        };
        let value = serde_json::from_slice(&body);
        value.map(Self).map_err(|error| Problem::new(400, format!("the body: {error}")).into())
    }
}

/// The query of the request.
pub(super) struct Query<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        match axum::extract::Query::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(query)) => Ok(Self(query)),
            Err(error) => Err(Problem::new(400, error.body_text()).into()),
        }
    }
}

/// The room that the path names.
pub(super) struct InRoom(pub(super) RoomSlug);

impl<S: Send + Sync> FromRequestParts<S> for InRoom {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let room: String = path(parts, state).await?;
        room_of(&room).map(Self)
    }
}

/// The message that the path names.
pub(super) struct OfMessage(pub(super) RoomSlug, pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for OfMessage {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        let (room, id): (String, String) = path(parts, state).await?;
        let unknown = || Problem::new(404, "a message is named by its number").into();
        Ok(Self(room_of(&room)?, id.parse().map_err(|_| -> Refusal { unknown() })?))
    }
}

async fn path<T, S>(parts: &mut Parts, state: &S) -> Result<T, Refusal>
where
    T: DeserializeOwned + Send,
    S: Send + Sync,
{
    match axum::extract::Path::from_request_parts(parts, state).await {
        Ok(axum::extract::Path(path)) => Ok(path),
        Err(error) => Err(Problem::new(error.status().as_u16(), error.body_text()).into()),
    }
}

/// What cannot be the id of a room is not the id of one: 404, not 400.
fn room_of(text: &str) -> Result<RoomSlug, Refusal> {
    RoomSlug::parse(text).map_err(|_| Problem::new(404, "there is no such room").into())
}

fn bearer(headers: &HeaderMap) -> Result<Option<Token>, Refusal> {
    let Some(value) = headers.get(header::AUTHORIZATION) else { return Ok(None) };
    let value = value.to_str().map_err(|_| Refusal::from(Error::Unauthorized))?;
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
            Ok(Some(Token::claimed(token.trim())))
        }
        _ => Err(Error::Unauthorized.into()),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let kind = value.and_then(|it| it.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}
