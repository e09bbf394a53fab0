//! A client's certificate: whom it names, and whether its issuer took it back.

use std::collections::BTreeSet;

use x509_parser::extensions::GeneralName;

/// What a client showed in the handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Certificate {
    /// CN, then the DNS names among its SANs.
    pub(super) names: Vec<String>,
    /// Which one it is; `None` where there is none.
    pub(super) issued: Option<Issued>,
}

/// One certificate among all: its issuer and the number that gave it, as they stand in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Issued {
    issuer: Vec<u8>,
    serial: Vec<u8>,
}

/// Certificates that their issuers took back.
#[derive(Clone, Debug, Default)]
pub(super) struct TakenBack(BTreeSet<Issued>);

impl Certificate {
    /// Of its DER; one that cannot be read names nobody.
    pub(super) fn of(der: &[u8]) -> Self {
        let Ok((_, certificate)) = x509_parser::parse_x509_certificate(der) else {
            return Self::default();
        };
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        let mut names: Vec<String> = common.map(str::to_owned).collect();
        if let Ok(Some(alternative)) = certificate.subject_alternative_name() {
            for name in &alternative.value.general_names {
                if let GeneralName::DNSName(name) = name {
                    names.push((*name).to_owned());
                }
            }
        }
        let issuer = certificate.issuer().as_raw().to_vec();
        let issued = Issued { issuer, serial: certificate.raw_serial().to_vec() };
        Self { names, issued: Some(issued) }
    }
}

impl TakenBack {
    /// Of the DER of lists; `None` where one cannot be read.
    pub(super) fn of<'a>(lists: impl IntoIterator<Item = &'a [u8]>) -> Option<Self> {
        let mut all = BTreeSet::new();
        for der in lists {
            let (_, list) = x509_parser::parse_x509_crl(der).ok()?;
            let issuer = list.issuer().as_raw().to_vec();
            all.extend(list.iter_revoked_certificates().map(|one| {
                let serial = one.raw_serial().to_vec();
                Issued { issuer: issuer.clone(), serial }
            }));
        }
        Some(Self(all))
    }

    /// Whether a certificate was taken back.
    pub(super) fn holds(&self, issued: &Issued) -> bool {
        self.0.contains(issued)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_common_name_then_the_dns_names() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["san-1".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "cn-1");
        let certificate = params.self_signed(&key).unwrap();
        assert_eq!(Certificate::of(certificate.der()).names, ["cn-1", "san-1"]);
        assert_eq!(Certificate::of(b"nonsense"), Certificate::default());
        assert!(TakenBack::of([&b"nonsense"[..]]).is_none());
    }
}
