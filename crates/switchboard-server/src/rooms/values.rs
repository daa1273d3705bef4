//! Names, texts and ids: each is a type that only parsing can make, so nobody checks twice.
//!
//! Lengths count characters (Unicode scalar values) and stand in [`crate::limits`]. Text stays
//! text: nothing here escapes anything, because every reader of ours shows it as text.

use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::limits;

/// A value that somebody sent and that we do not take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The field it stood in.
    pub field: &'static str,
    /// What is wrong with it, for a person to read.
    pub reason: String,
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $field:literal, $parse:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(Arc<str>);

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            /// Reads one from what somebody sent.
            ///
            /// # Errors
            ///
            /// [`Invalid`] says what to change.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                let parse: fn(&str) -> Result<String, String> = $parse;
                match parse(text) {
                    Ok(text) => Ok(Self(text.into())),
                    Err(reason) => Err(Invalid { field: $field, reason }),
                }
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// For what comes out of our own store, where it was checked on the way in.
            pub(crate) fn stored(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// What a person is called: one line, nothing invisible in it.
    GuestName, "name", |it| line(it, limits::GUEST_NAME_CHARS)
);
text!(
    /// What a room is called.
    RoomName, "name", |it| line(it, limits::ROOM_NAME_CHARS)
);
text!(
    /// What a room is about; may be empty.
    Topic, "topic", |it| line(it, limits::TOPIC_CHARS)
);
text!(
    /// What somebody says: any lines of text, without other control characters.
    MessageText, "text", paragraph
);
text!(
    /// The id that a client gives a message, so that sending it twice does not double it.
    ClientId, "client_id", |it| {
        counted(it, limits::CLIENT_ID_CHARS)?;
        if it.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(it.to_owned())
        } else {
            Err("must be printable ASCII without spaces".to_owned())
        }
    }
);
text!(
    /// The id of a room: lower-case letters, digits and hyphens.
    RoomSlug, "room", |it| {
        counted(it, limits::ROOM_SLUG_CHARS)?;
        if it.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            Ok(it.to_owned())
        } else {
            Err("must consist of a-z, 0-9 and hyphens".to_owned())
        }
    }
);
text!(
    /// The public id of a guest: 12 characters.
    GuestId, "id", |it| {
        if it.len() == 12 && it.bytes().all(is_base64url) {
            Ok(it.to_owned())
        } else {
            Err("must be 12 characters of a-z, A-Z, 0-9, - and _".to_owned())
        }
    }
);

impl GuestId {
    /// A new one. 72 random bits: two guests share an id once in many lifetimes of the server,
    /// and then the store refuses the second.
    ///
    /// # Errors
    ///
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 9];
        getrandom::fill(&mut bytes)?;
        Ok(Self::stored(&URL_SAFE_NO_PAD.encode(bytes)))
    }
}

impl RoomSlug {
    /// The id that a room of this name gets: `Rust & Tea` becomes `rust-tea`, `Café` `cafe`.
    ///
    /// Letters that have no ASCII form have no place in an id. A name with such letters gets six
    /// digits made from the whole name at its end, so that two such names do not meet.
    pub fn of_name(name: &RoomName) -> Self {
        let mut slug = String::new();
        let mut is_lossy = false;
        for letter in name.as_str().nfkd().filter(|it| !is_combining_mark(*it)) {
            match letter {
                'ß' | 'ẞ' => slug.push_str("ss"),
                _ if letter.is_ascii_alphanumeric() => slug.push(letter.to_ascii_lowercase()),
                _ => {
                    is_lossy |= letter.is_alphanumeric();
                    if !slug.is_empty() && !slug.ends_with('-') {
                        slug.push('-');
                    }
                }
            }
        }
        if slug.is_empty() {
            slug.push_str("room");
            is_lossy = true;
        }
        let digest = Sha256::digest(name.as_str());
        let tail = digest.iter().take(3).map(|byte| format!("{byte:02x}"));
        let tail =
            if is_lossy { tail.fold("-".to_owned(), |all, it| all + &it) } else { String::new() };
        slug.truncate(limits::ROOM_SLUG_CHARS.end() - tail.len());
        let kept = slug.trim_end_matches('-').len();
        slug.truncate(kept);
        Self::stored(&(slug + &tail))
    }
}

/// The secret that makes a guest a guest. It is shown once and stored only as its hash.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one of 256 random bits.
    ///
    /// # Errors
    ///
    /// When the operating system has no randomness to give.
    pub fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Takes what somebody sent for a token; any text may be one.
    pub fn claimed(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// What the store knows of it. The token is random, so a plain hash needs no salt, and
    /// looking the hash up leaks nothing through time.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(&self.0).into())
    }

    /// The secret itself, for the one answer that hands it out.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// SHA-256 of a [`Token`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenHash(pub [u8; 32]);

/// A moment in milliseconds since 1970, shown as `2026-11-21T07:52:32.000Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

impl Time {
    /// This moment by the clock of the machine.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{time:.3}")
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One line: no control or invisible characters, runs of spaces become one.
fn line(text: &str, chars: RangeInclusive<usize>) -> Result<String, String> {
    let text = text.trim();
    if let Some(bad) = text.chars().find(|it| it.is_control() || is_invisible(*it)) {
        return Err(format!("must not contain the character U+{:04X}", u32::from(bad)));
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    counted(&text, chars)?;
    Ok(text)
}

fn paragraph(text: &str) -> Result<String, String> {
    let text = text.trim().replace("\r\n", "\n");
    let is_refused = |it: &char| it.is_control() && !matches!(it, '\n' | '\t');
    if let Some(bad) = text.chars().find(is_refused) {
        return Err(format!("must not contain the control character U+{:04X}", u32::from(bad)));
    }
    counted(&text, limits::MESSAGE_CHARS)?;
    Ok(text)
}

fn counted(text: &str, chars: RangeInclusive<usize>) -> Result<(), String> {
    let count = text.chars().count();
    if chars.contains(&count) {
        Ok(())
    } else if count == 0 {
        Err("must not be empty".to_owned())
    } else {
        Err(format!("has {count} characters; {} to {} are allowed", chars.start(), chars.end()))
    }
}

/// Characters that take no place and could make one name look like another: zero-width space,
/// line separators, and those that turn the direction of what follows. Joiners stay, emoji
/// need them.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' | '\u{FEFF}')
}

fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}
