//! Media that the gateway fetched in place of a provider that takes no URLs.

use std::collections::BTreeMap;

/// The content of one URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Media type, such as `image/png`, in lower case and without parameters.
    pub mime: String,
    /// The bytes in standard base64 with padding.
    pub base64: String,
}

/// What was fetched, by URL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inlined(BTreeMap<String, Media>);

impl Inlined {
    /// Nothing was fetched.
    pub fn none() -> &'static Self {
        static NONE: Inlined = Inlined(BTreeMap::new());
        &NONE
    }

    /// Adds what was fetched from `url`.
    pub fn insert(&mut self, url: String, media: Media) {
        self.0.insert(url, media);
    }

    pub fn get(&self, url: &str) -> Option<&Media> {
        self.0.get(url)
    }
}

impl FromIterator<(String, Media)> for Inlined {
    fn from_iter<I: IntoIterator<Item = (String, Media)>>(fetched: I) -> Self {
        Self(fetched.into_iter().collect())
    }
}
