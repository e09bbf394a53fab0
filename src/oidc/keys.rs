//! Keys of a provider, and whether a token is signed by one of them, for us, and in time.

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::signature::{Error as BadSignature, Verifier};
use jsonwebtoken::{
    Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind, Validation, decode, decode_header,
};
use ring::signature::{
    self as by_ring, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde::Deserialize;

use super::claims::{BadClaims, Claims};
use vitalgate_domain::model::time::{Span, Timestamp};

/// What a provider signs with. None of them is a secret that we share: a token with one is not looked at.
const ALGORITHMS: [Algorithm; 8] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::EdDSA,
];
/// A token is shorter.
const LONGEST: usize = 16 << 10;

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub enum BadToken {
    /// The provider was not reached yet.
    #[error("the keys of the provider are not known yet")]
    NoKeys,
    /// It is none, or not for us, or not signed, or over.
    #[error("{0}")]
    Jwt(#[from] Error),
    /// None of the provider's keys signed it.
    #[error("no key of the provider has its number")]
    Key,
    /// It says not enough, or too much.
    #[error(transparent)]
    Claims(#[from] BadClaims),
}

/// The public keys of a provider.
#[derive(Clone, Debug, Deserialize)]
#[serde(transparent)]
pub(super) struct Keys(JwkSet);

impl Keys {
    /// Whether there is a key with this number.
    pub(super) fn has(&self, number: &str) -> bool {
        self.0.find(number).is_some()
    }

    /// The key with this number, or without one the only key there is.
    fn find(&self, number: Option<&str>) -> Option<&Jwk> {
        match (number, self.0.keys.as_slice()) {
            (Some(number), _) => self.0.find(number),
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }
}

/// The number of the key that a token names; what is no token names none.
pub(super) fn number_in(token: &str) -> Option<String> {
    let short = token.len() <= LONGEST;
    short.then(|| decode_header(token).ok()).flatten()?.kid
}

/// What a token says, if one of the keys signed it for the audience and it holds now.
pub(super) fn verified(
    token: &str,
    keys: &Keys,
    issuer: &str,
    audience: &str,
    skew: Span,
    now: Timestamp,
) -> Result<Claims, BadToken> {
    if token.len() > LONGEST {
        return Err(BadToken::Jwt(ErrorKind::InvalidToken.into()));
    }
    let header = decode_header(token)?;
    let key = keys.find(header.kid.as_deref()).ok_or(BadToken::Key)?;
    let of_key = key.common.key_algorithm.and_then(|named| Algorithm::try_from(named).ok());
    let fits = ALGORITHMS.contains(&header.alg)
        && of_key.is_none_or(|named| named == header.alg)
        && !matches!(key.common.public_key_use, Some(PublicKeyUse::Encryption));
    if !fits {
        return Err(BadToken::Jwt(ErrorKind::InvalidAlgorithm.into()));
    }
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    // By the gateway's clock, below.
    validation.validate_exp = false;
    let claims: Claims = decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims;
    let skew = skew.as_micros() / 1_000_000;
    let now = now.as_micros().div_euclid(1_000_000);
    if claims.expires() <= now.saturating_sub(skew) {
        return Err(BadToken::Jwt(ErrorKind::ExpiredSignature.into()));
    }
    if claims.begins().is_some_and(|from| from > now.saturating_add(skew)) {
        return Err(BadToken::Jwt(ErrorKind::ImmatureSignature.into()));
    }
    Ok(claims)
}

/// Signatures are checked by `ring`, as all else here is.
pub(super) fn install() {
    static OURS: CryptoProvider = CryptoProvider {
        signer_factory: |_, _| Err(ErrorKind::UnsupportedAlgorithm.into()),
        verifier_factory: |algorithm, key| verifier(*algorithm, key),
        key_utils: KeyUtils::new_unimplemented(),
    };
    if OURS.install_default().is_err() {
        tracing::debug!("signatures are checked as was said before in this process");
    }
}

fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let by = match algorithm {
        Algorithm::RS256 => By::Rsa(&by_ring::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => By::Rsa(&by_ring::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => By::Rsa(&by_ring::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => By::Rsa(&by_ring::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => By::Rsa(&by_ring::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => By::Rsa(&by_ring::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => By::Point(&by_ring::ECDSA_P256_SHA256_FIXED, AlgorithmFamily::Ec),
        Algorithm::EdDSA => By::Point(&by_ring::ED25519, AlgorithmFamily::Ed),
        Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512 | Algorithm::ES384 | _ => {
            return Err(ErrorKind::UnsupportedAlgorithm.into());
        }
    };
    let family = match by {
        By::Rsa(_) => AlgorithmFamily::Rsa,
        By::Point(_, family) => family,
    };
    if key.family() != family {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    Ok(Box::new(Ours { algorithm, by, key: key.clone() }))
}

/// How a signature is checked.
#[derive(Clone, Copy)]
enum By {
    Rsa(&'static RsaParameters),
    Point(&'static dyn VerificationAlgorithm, AlgorithmFamily),
}

struct Ours {
    algorithm: Algorithm,
    by: By,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for Ours {
    fn verify(&self, message: &[u8], given: &Vec<u8>) -> Result<(), BadSignature> {
        let checked = match (self.by, self.key.kind()) {
            (By::Rsa(how), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(how, message, given)
            }
            (By::Point(how, _), DecodingKeyKind::SecretOrDer(key)) => {
                UnparsedPublicKey::new(how, key).verify(message, given)
            }
            (By::Rsa(_), DecodingKeyKind::SecretOrDer(_))
            | (By::Point(..), DecodingKeyKind::RsaModulusExponent { .. }) => {
                return Err(BadSignature::new());
            }
        };
        checked.map_err(|_| BadSignature::new())
    }
}

impl JwtVerifier for Ours {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
