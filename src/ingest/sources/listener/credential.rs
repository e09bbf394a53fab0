//! By what a connection proved who it is, and whether that still stands.

use super::certificate::{Issued, TakenBack};
use super::principal::Claim;
use crate::projection::view::Board;
use vitalgate_domain::model::ids::DeviceId;

/// What a connection was let in by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credential {
    /// Its proof.
    pub(super) proof: Proof,
    /// The certificate it showed, whomever that names.
    pub(super) certificate: Option<Issued>,
}

/// How it showed who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// By a certificate that names the principal.
    Certificate,
    /// By the token with this SHA-256.
    Token(Vec<u8>),
    /// By its word, where nothing else is asked for.
    Word,
}

impl Credential {
    /// What a principal that was recognised was recognised by.
    pub(super) fn of(
        board: &Board,
        claim: Claim<'_>,
        certificate: Option<Issued>,
        principal: &DeviceId,
    ) -> Self {
        let token = || board.devices.get(principal).and_then(|device| device.token_sha256.clone());
        let proof = if claim.certificate.iter().any(|name| name == principal.as_str()) {
            Proof::Certificate
        } else {
            token().map_or(Proof::Word, Proof::Token)
        };
        Self { proof, certificate }
    }

    /// Whether a principal would still be let in by it.
    pub(super) fn stands(
        &self,
        board: &Board,
        taken_back: &TakenBack,
        principal: &DeviceId,
    ) -> bool {
        if self.certificate.as_ref().is_some_and(|issued| taken_back.holds(issued)) {
            return false;
        }
        let Some(device) = board.devices.get(principal) else { return true };
        let token = device.token_sha256.as_ref();
        let known = match &self.proof {
            Proof::Certificate => true,
            Proof::Token(sha256) => token == Some(sha256),
            Proof::Word => token.is_none(),
        };
        known && !device.revoked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::testing::{board, device, with_token};

    #[test]
    fn a_credential_stands_until_another_takes_its_place_or_its_owner_is_revoked() {
        let id: DeviceId = "dev-1".parse().unwrap();
        let names = ["dev-1".to_owned()];
        let claim = |certificate| Claim { certificate, user: None, password: None, client_id: "" };
        let [none, first, second] =
            [device("dev-1", &[]), with_token("dev-1", "t1"), with_token("dev-1", "t2")]
                .map(|device| board([device]));
        let mut gone = device("dev-1", &[]);
        gone.revoked = true;
        let gone = board([gone]);
        let nothing = TakenBack::default();
        let stands = |credential: Credential| {
            [&none, &first, &second, &gone].map(|board| credential.stands(board, &nothing, &id))
        };
        let by = |board: &Board, certificate| Credential::of(board, claim(certificate), None, &id);
        assert_eq!(stands(by(&first, &names)), [true, true, true, false], "certificate");
        assert_eq!(stands(by(&first, &[])), [false, true, false, false], "token");
        assert_eq!(stands(by(&none, &[])), [true, false, false, false], "word");
        let admitted = by(&board([]), &[]);
        assert!(admitted.stands(&board([]), &nothing, &id), "a moment ago");
    }
}
