//! The client's files for pages that are not ours: `/socket.io/socket.io.js` and its siblings.
//!
//! They are embedded from the npm package that the page is built with. A build without the page
//! has none of them, and answers 404.

use std::borrow::Cow;

use rust_embed::Embed;
use switchboard::ClientBundles;

#[derive(Embed)]
#[folder = "../../web/node_modules/socket.io-client/dist"]
#[allow_missing = true]
struct Files;

/// The files that this build has.
pub(super) fn bundles() -> ClientBundles {
    Files::iter().fold(ClientBundles::new(), |bundles, name| match Files::get(&name) {
        Some(file) => match file.data {
            Cow::Borrowed(bytes) => bundles.file(&name, bytes),
            Cow::Owned(bytes) => bundles.file(&name, bytes),
        },
        None => bundles,
    })
}
