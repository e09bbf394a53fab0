//! Who connects (contract §1).

use crate::projection::view::{Board, DeviceView};
use vitalgate_domain::model::ids::DeviceId;

use super::{Authentication, Unknown};

/// What a client shows of itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    /// Names in its verified certificate, in order: CN, then SAN.
    pub(super) certificate: &'a [String],
    /// The user name.
    pub(super) user: Option<&'a str>,
    /// The password: its token.
    pub(super) password: Option<&'a str>,
    /// The client identifier.
    pub(super) client_id: &'a str,
}

impl<'a> Claim<'a> {
    /// The name it gives, as it would be taken.
    pub(super) fn name(&self) -> &'a str {
        let certified = self.certificate.first().map(String::as_str);
        certified.or(self.user).unwrap_or(self.client_id)
    }
}

/// Why nobody was recognised; for log and audit only, a client learns no more than "not authorised".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The id is not in the registry.
    Unknown,
    /// Its right was taken.
    Revoked,
    /// Neither a certificate nor a token.
    NoCredentials,
    /// The token is wrong, or none is registered.
    WrongToken,
    /// The name it gives is no id.
    NotAnId,
}

impl Refused {
    /// In words.
    pub(super) fn why(self) -> &'static str {
        match self {
            Self::Unknown => "unknown device",
            Self::Revoked => "revoked",
            Self::NoCredentials => "no credentials",
            Self::WrongToken => "wrong token",
            Self::NotAnId => "the name is not an id",
        }
    }
}

/// The principal: by certificate, else by token, else, where nothing is configured and it has no token, by
/// its word.
pub(super) fn identify(
    board: &Board,
    claim: Claim<'_>,
    authentication: Authentication,
    unknown: Unknown,
) -> Result<DeviceId, Refused> {
    let registered = claim.certificate.iter().find_map(|name| board.devices.get(name.as_str()));
    if let Some(device) = registered {
        return not_revoked(device);
    }
    if let (Some(user), Some(token)) = (claim.user, claim.password)
        && let Some(device) = board.devices.get(user)
        && (authentication == Authentication::Required || device.token_sha256.is_some())
    {
        return if token_fits(device, token) {
            not_revoked(device)
        } else {
            Err(Refused::WrongToken)
        };
    }
    let certified = claim.certificate.iter().find_map(|name| name.parse().ok());
    let by_certificate = certified.is_some();
    let id = match (certified, authentication) {
        (Some(id), _) => id,
        (None, Authentication::Required) if claim.user.is_some() && claim.password.is_some() => {
            return Err(Refused::Unknown);
        }
        (None, Authentication::Required) => return Err(Refused::NoCredentials),
        (None, Authentication::Open) => claim
            .user
            .unwrap_or(claim.client_id)
            .parse::<DeviceId>()
            .map_err(|_| Refused::NotAnId)?,
    };
    match (board.devices.get(&id), unknown) {
        // Whoever has a token needs it, also where others are taken at their word.
        (Some(device), _) => match not_revoked(device) {
            Ok(_) if device.token_sha256.is_some() && !by_certificate => {
                Err(Refused::NoCredentials)
            }
            known => known,
        },
        (None, Unknown::Admit) => Ok(id),
        (None, Unknown::Refuse) => Err(Refused::Unknown),
    }
}

fn not_revoked(device: &DeviceView) -> Result<DeviceId, Refused> {
    if device.revoked { Err(Refused::Revoked) } else { Ok(device.id.clone()) }
}

fn token_fits(device: &DeviceView, token: &str) -> bool {
    let digest = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
    device.token_sha256.as_deref().is_some_and(|expected| same(expected, digest.as_ref()))
}

/// Compares all bytes whatever they are, so that the time taken says nothing.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::Refused::{NoCredentials, NotAnId, Revoked, WrongToken};
    use super::*;
    use crate::ingest::testing::{board, device, with_token};

    const NOTHING: Claim<'static> =
        Claim { certificate: &[], user: None, password: None, client_id: "" };

    #[test]
    fn certificate_then_token_then_word() {
        let mut gone = with_token("gone", "t2");
        gone.revoked = true;
        let board = board([with_token("dev-1", "t1"), device("dev-2", &[]), gone]);
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let check = |certificate: &[&str],
                     user: Option<&str>,
                     password: Option<&str>,
                     client_id: &str,
                     required: Result<&str, Refused>,
                     open: Result<&str, Refused>| {
            let certificate = names(certificate);
            let claim = Claim { certificate: &certificate, user, password, client_id };
            for (authentication, expected) in
                [(Authentication::Required, required), (Authentication::Open, open)]
            {
                let found = identify(&board, claim, authentication, Unknown::Refuse);
                let found = found.as_ref().map(DeviceId::as_str).map_err(|e| *e);
                assert_eq!(found, expected, "{claim:?} {authentication:?}");
            }
        };
        let unknown = Err(Refused::Unknown);
        check(&["dev-1"], None, None, "", Ok("dev-1"), Ok("dev-1"));
        check(&["Some Name", "dev-2"], Some("dev-1"), Some("t1"), "", Ok("dev-2"), Ok("dev-2"));
        check(&["gone"], None, None, "", Err(Revoked), Err(Revoked));
        check(&["stranger"], None, None, "", unknown, unknown);
        check(&["transport"], Some("dev-1"), Some("t1"), "", Ok("dev-1"), Ok("dev-1"));
        check(&[], Some("dev-1"), Some("t1"), "x", Ok("dev-1"), Ok("dev-1"));
        check(&[], Some("dev-1"), Some("no"), "x", Err(WrongToken), Err(WrongToken));
        check(&[], Some("dev-2"), Some("t1"), "x", Err(WrongToken), Ok("dev-2"));
        check(&[], Some("gone"), Some("t2"), "x", Err(Revoked), Err(Revoked));
        check(&[], Some("nobody"), Some("t1"), "x", unknown, unknown);
        check(&[], Some("dev-1"), None, "x", Err(NoCredentials), Err(NoCredentials));
        check(&[], None, None, "dev-1", Err(NoCredentials), Err(NoCredentials));
        check(&[], None, None, "dev-2", Err(NoCredentials), Ok("dev-2"));
        check(&[], None, None, "no id", Err(NoCredentials), Err(NotAnId));
        check(&[], None, None, "gone", Err(NoCredentials), Err(Revoked));
    }

    #[test]
    fn the_unknown_are_admitted_only_where_that_is_set_and_never_by_a_token_nobody_knows() {
        let board = board([]);
        let named = Claim { client_id: "new-1", ..NOTHING };
        let admitted = identify(&board, named, Authentication::Open, Unknown::Admit);
        assert_eq!(admitted.unwrap().as_str(), "new-1");
        let token = Claim { user: Some("new-1"), password: Some("t"), ..NOTHING };
        let refused = identify(&board, token, Authentication::Required, Unknown::Admit);
        assert_eq!(refused, Err(Refused::Unknown));
    }
}
