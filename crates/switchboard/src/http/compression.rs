//! Compressed answers: what a client accepts, and the bytes that it gets.
//!
//! Spec: RFC 9110, sections 8.4.1 and 12.5.3.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, VARY};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::Full;

/// When and how the answers of long-polling are compressed. For
/// [`ServerBuilder::http_compression`](crate::ServerBuilder::http_compression).
///
/// ```
/// use switchboard::{HttpCompression, Server};
///
/// let io = Server::builder().http_compression(HttpCompression::new().threshold(16_384)).build();
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing happens before it is given to a server"]
pub struct HttpCompression {
    threshold: usize,
    level: u32,
}

impl HttpCompression {
    /// From 1,024 bytes on, at level 6.
    pub fn new() -> Self {
        Self { threshold: 1024, level: 6 }
    }

    /// The least bytes of an answer that is compressed. Default 1,024, as in the official server.
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// From 1, the fastest, to 9, the smallest. Default 6. Higher levels cost several times as
    /// much time for a few percent.
    pub fn level(mut self, level: u32) -> Self {
        self.level = level.clamp(1, 9);
        self
    }

    /// The coding in which the client of a request wants its answer, if that is large enough.
    pub(super) fn choose(request: &HeaderMap) -> Option<Coding> {
        choose(request, &[Coding::Gzip, Coding::Deflate, Coding::Brotli])
    }

    /// Compresses an answer that is large enough, for a client that wants it.
    pub(super) async fn apply(
        self,
        coding: Option<Coding>,
        body: Vec<u8>,
    ) -> Response<Full<Bytes>> {
        if body.len() < self.threshold {
            return Response::new(Full::from(body));
        }
        let mut response = match coding {
            // In a box, because few answers need the room.
            Some(coding) => Box::pin(compressed(body, coding, self.level)).await,
            None => Response::new(Full::from(body)),
        };
        response.headers_mut().append(VARY, HeaderValue::from_static("Accept-Encoding"));
        response
    }
}

impl Default for HttpCompression {
    fn default() -> Self {
        Self::new()
    }
}

/// How an answer can be compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    Gzip,
    Deflate,
    Brotli,
}

impl Coding {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
        }
    }

    /// The compressed bytes; `None` if they are no fewer.
    pub(super) fn encode(self, body: &[u8], level: u32) -> Option<Vec<u8>> {
        let output = Vec::with_capacity(body.len() / 4);
        let written = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(output, Compression::new(level));
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            // The name means the zlib format (RFC 9110, section 8.4.1.2).
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(output, Compression::new(level));
                encoder.write_all(body).and_then(|()| encoder.finish())
            }
            Self::Brotli => {
                let params = brotli::enc::BrotliEncoderParams {
                    quality: level.min(11) as i32,
                    lgwin: BROTLI_WINDOW,
                    size_hint: body.len(),
                    ..Default::default()
                };
                let (mut input, mut output) = (body, output);
                brotli::BrotliCompress(&mut input, &mut output, &params).map(|_len| output)
            }
        };
        written.ok().filter(|it| it.len() < body.len())
    }
}

async fn compressed(body: Vec<u8>, coding: Coding, level: u32) -> Response<Full<Bytes>> {
    let compress = move |body: Vec<u8>| match coding.encode(&body, level) {
        Some(smaller) => (smaller, true),
        None => (body, false),
    };
    let (body, is_compressed) = if body.len() < INLINE_BYTES_MAX {
        compress(body)
    } else {
        // Takes milliseconds, for which nobody else should wait.
        match tokio::task::spawn_blocking(move || compress(body)).await {
            Ok(done) => done,
            Err(stopped) => std::panic::resume_unwind(stopped.into_panic()),
        }
    };
    let mut response = Response::new(Full::from(body));
    if is_compressed {
        let name = HeaderValue::from_static(coding.name());
        response.headers_mut().insert(CONTENT_ENCODING, name);
    }
    response
}

/// The coding that the client likes best; of several, the first of `ours`. `None` for none.
pub(super) fn choose(request: &HeaderMap, ours: &[Coding]) -> Option<Coding> {
    let accepted = || {
        let values = request.get_all(ACCEPT_ENCODING).iter().filter_map(|it| it.to_str().ok());
        values.flat_map(|it| it.split(',')).map(weighed)
    };
    let weight_of = |name: &str| {
        let named = accepted().find(|(it, _)| it.eq_ignore_ascii_case(name));
        named.map(|(_, weight)| weight)
    };
    let any = weight_of("*").unwrap_or(0.0);
    let mut best = (None, weight_of("identity").unwrap_or(0.0));
    for &coding in ours {
        let weight = weight_of(coding.name()).unwrap_or(any);
        // As it is only if the client likes that better than anything.
        let is_better = if best.0.is_none() { best.1 <= weight } else { best.1 < weight };
        if 0.0 < weight && is_better {
            best = (Some(coding), weight);
        }
    }
    best.0
}

/// One entry of `Accept-Encoding`, such as `gzip;q=0.5`. What is no weight counts as 0.
fn weighed(entry: &str) -> (&str, f32) {
    let (name, parameter) = entry.split_once(';').unwrap_or((entry, ""));
    let parameter = parameter.trim();
    let weight = match parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q=")) {
        Some(weight) => weight.trim().parse().ok().filter(|it| (0.0..=1.0).contains(it)),
        None => Some(1.0),
    };
    (name.trim(), weight.unwrap_or(0.0))
}

/// Less is compressed at once, in well below a millisecond.
const INLINE_BYTES_MAX: usize = 32 * 1024;
/// 256 KiB, which also bounds the memory that compressing takes.
const BROTLI_WINDOW: i32 = 18;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_client_chooses_and_we_break_ties() {
        let check = |accept: &[&'static str], expected: Option<Coding>| {
            let mut headers = HeaderMap::new();
            for value in accept {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            let chosen = choose(&headers, &[Coding::Gzip, Coding::Deflate, Coding::Brotli]);
            assert_eq!(chosen, expected, "{accept:?}");
        };
        check(&[], None);
        check(&[""], None);
        check(&["identity"], None);
        check(&["gzip, deflate, br, zstd"], Some(Coding::Gzip));
        check(&["br", "deflate"], Some(Coding::Deflate));
        check(&["GZIP;q=0.5, br;q=0.8"], Some(Coding::Brotli));
        check(&["gzip;q=0.1, identity;q=0.9"], None);
        check(&["gzip, identity"], Some(Coding::Gzip));
        check(&["*"], Some(Coding::Gzip));
        check(&["*, gzip;q=0"], Some(Coding::Deflate));
        check(&["*;q=0"], None);
        check(&["gzip;q=0"], None);
        check(&["gzip;q=nan"], None);
        check(&["gzip;q=2"], None);
        check(&["compress, exi"], None);
    }
}
