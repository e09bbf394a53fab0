//! Packs: rules beside those of `rules.toml`, in the same words, that a site switches on by name.

use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A pack as it was read.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[cbor(map)]
pub struct Pack {
    /// As it is named in the configuration.
    #[n(0)]
    pub name: String,
    /// Its text: rules of any kind, and nothing else.
    #[n(1)]
    pub text: String,
}
