//! Agreeing: the server judges offers, the client judges the answer.
//!
//! Spec: RFC 7692, sections 5 and 7.1; RFC 6455, section 9.1.

use std::fmt;

use super::config::{Agreement, BITS_MAX, Config, NAME};
use super::header::{self, Extension};

/// Server: judges every `Sec-WebSocket-Extensions` value of a request, in order, and takes the
/// first offer that is good. `None` declines: answer without the header.
///
/// Other extensions are passed over. An offer with a parameter that is unknown, comes twice, or
/// has a value that it must not have (out of 8 to 15, with leading zeros, in quotes, any at all)
/// is declined, and the next one tried. A value that is no list of extensions declines everything.
/// Only the first 16 extensions are read.
///
/// ```
/// use switchboard_ws::deflate::{Config, negotiate};
///
/// let offers: &[u8] = b"permessage-deflate; server_max_window_bits=99, permessage-deflate";
/// let agreement = negotiate(&Config::default(), [offers]).unwrap();
/// assert_eq!(agreement.server_max_window_bits(), 15);
/// assert_eq!(negotiate(&Config::default(), [&b"permessage-deflate; mystery"[..]]), None);
/// ```
#[must_use]
pub fn negotiate<'h>(
    config: &Config,
    values: impl IntoIterator<Item = &'h [u8]>,
) -> Option<Agreement> {
    let offers = header::extensions(values).ok()?;
    let offer = offers.iter().find(|it| it.is_deflate && !it.is_bad)?;
    Some(answer(config.in_range(), offer))
}

fn answer(config: Config, offer: &Extension) -> Agreement {
    let mut agreement = config.agreement();
    let server = &mut agreement.server;
    server.no_context_takeover |= offer.server_no_context_takeover;
    server.window_bits = server.window_bits.min(offer.server_max_window_bits.unwrap_or(BITS_MAX));
    server.says_window_bits =
        offer.server_max_window_bits.is_some() || server.window_bits < BITS_MAX;

    let client = &mut agreement.client;
    client.no_context_takeover |= offer.client_no_context_takeover;
    match offer.client_max_window_bits {
        // "MUST NOT include [it] if the offer does not" (section 7.1.2.2): we inflate with the
        // largest window anyhow.
        None => client.window_bits = BITS_MAX,
        Some(most) => {
            client.window_bits = client.window_bits.min(most.unwrap_or(BITS_MAX));
            client.says_window_bits = most.is_some() || client.window_bits < BITS_MAX;
        }
    }
    agreement
}

/// Client: the value of `Sec-WebSocket-Extensions` in the request.
///
/// ```
/// use switchboard_ws::deflate::{Config, offer};
///
/// let config = Config { client_no_context_takeover: false, ..Config::default() };
/// assert_eq!(
///     offer(&config),
///     "permessage-deflate; server_no_context_takeover; client_max_window_bits"
/// );
/// ```
#[must_use]
pub fn offer(config: &Config) -> String {
    let config = config.in_range();
    let mut value = String::from(NAME);
    if config.server_no_context_takeover {
        value += "; server_no_context_takeover";
    }
    if config.client_no_context_takeover {
        value += "; client_no_context_takeover";
    }
    if config.server_max_window_bits < BITS_MAX {
        value += &format!("; server_max_window_bits={}", config.server_max_window_bits);
    }
    value += "; client_max_window_bits";
    if config.client_max_window_bits < BITS_MAX {
        value += &format!("={}", config.client_max_window_bits);
    }
    value
}

/// Client: judges the server's answer to our [`offer`] of the same `config`. `Ok(None)`: the
/// server declined.
///
/// A server that forgets to confirm `server_no_context_takeover` or `server_max_window_bits` is
/// taken at its word: we can inflate what it sends all the same.
///
/// # Errors
///
/// [`BadExtension`]: fail the connection (RFC 7692, section 5).
///
/// # Examples
///
/// ```
/// use switchboard_ws::deflate::{BadExtension, Config, accept};
///
/// let answer: &[u8] = b"permessage-deflate; server_max_window_bits=7";
/// assert_eq!(accept(&Config::default(), [answer]), Err(BadExtension));
/// assert_eq!(accept(&Config::default(), []), Ok(None));
/// ```
pub fn accept<'h>(
    config: &Config,
    values: impl IntoIterator<Item = &'h [u8]>,
) -> Result<Option<Agreement>, BadExtension> {
    let config = config.in_range();
    let extensions = header::extensions(values).map_err(|_| BadExtension)?;
    let [answer] = &extensions[..] else {
        return if extensions.is_empty() { Ok(None) } else { Err(BadExtension) };
    };
    // In an answer the client's window has a size (section 7.1.2.2).
    let client_bits = answer.client_max_window_bits.unwrap_or(Some(config.client_max_window_bits));
    let client_bits = client_bits.ok_or(BadExtension)?;
    let server_bits = answer.server_max_window_bits;
    // Limits that we set may be lowered by the answer, not raised.
    let is_raised = config.client_max_window_bits < client_bits
        || server_bits.is_some_and(|it| config.server_max_window_bits < it);
    if !answer.is_deflate || answer.is_bad || is_raised {
        return Err(BadExtension);
    }
    let mut agreement = config.agreement();
    agreement.server.no_context_takeover = answer.server_no_context_takeover;
    agreement.server.window_bits = server_bits.unwrap_or(BITS_MAX);
    // We may always do with less than we are allowed.
    agreement.client.no_context_takeover |= answer.client_no_context_takeover;
    agreement.client.window_bits = client_bits;
    Ok(Some(agreement))
}

/// The server's answer names an extension that was not offered, or parameters that it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BadExtension;

impl fmt::Display for BadExtension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the server answered with an extension that does not fit the offer")
    }
}

impl std::error::Error for BadExtension {}
