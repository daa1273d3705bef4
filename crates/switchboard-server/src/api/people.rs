//! `/guests`: becoming somebody. `/me`: who I am, and what I am called.

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Response, StatusCode};
use serde::{Deserialize, Serialize};

use super::Api;
use super::answer::{Refusal, etag_of, is_expected, json, json_if_new, located};
use super::extract::{Address, Caller, Json, Writer};
use crate::rooms::{Error, GuestName, Person};

#[derive(Deserialize)]
pub(super) struct NewGuest {
    name: String,
}

#[derive(Deserialize)]
pub(super) struct GuestChange {
    name: Option<String>,
}

/// `POST /guests`
pub(super) async fn become_guest(
    State(api): State<Api>,
    Address(address): Address,
    Json(new): Json<NewGuest>,
) -> Result<Response<Body>, Refusal> {
    #[derive(Serialize)]
    struct Born<'a> {
        #[serde(flatten)]
        person: Person,
        token: &'a str,
    }
    let name = GuestName::parse(&new.name)?;
    api.take_guest(address)?;
    let (guest, token) = api.rooms.new_guest(name).await?;
    let person = guest.person();
    let etag = etag_of(&person);
    let born = json(StatusCode::CREATED, &etag, &Born { person, token: token.reveal() });
    let mut response = located(born, "/api/v1/me");
    // It holds a secret, and its validator would be that of another resource.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().remove(header::ETAG);
    Ok(response)
}

/// `GET /me`
pub(super) async fn me(Caller(guest): Caller, headers: HeaderMap) -> Response<Body> {
    json_if_new(&headers, &guest.person())
}

/// `PATCH /me`
pub(super) async fn rename(
    State(api): State<Api>,
    Writer(mut guest): Writer,
    headers: HeaderMap,
    Json(change): Json<GuestChange>,
) -> Result<Response<Body>, Refusal> {
    if !is_expected(&headers, &etag_of(&guest.person())) {
        return Err(Error::Changed.into());
    }
    if let Some(name) = change.name {
        let name = GuestName::parse(&name)?;
        guest = api.rooms.rename(&guest.id, name, None).await?;
    }
    let person = guest.person();
    Ok(json(StatusCode::OK, &etag_of(&person), &person))
}
