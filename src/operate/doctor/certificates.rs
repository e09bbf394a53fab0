//! The certificates that the gateway shows: whether they are valid now, and for how long.

use super::Findings;
use crate::clock::Clock;
use crate::config::Config;
use crate::net::tls::certificates;
use vitalgate_domain::model::time::{Span, Timestamp};
use x509_parser::parse_x509_certificate;

/// Renewed by then, nobody is locked out.
const SOON: Span = Span::days(14);

pub(super) fn examine(config: &Config) -> Findings {
    let mut findings = Findings::of("certificates");
    let now = Clock::system(Timestamp::default()).wall();
    for (key, path) in config.own_certificates() {
        match certificates("certificates", path) {
            Ok(chain) => judge(key, chain.first().map_or(&[], |der| der), now, &mut findings),
            Err(error) => {
                findings.fail("file", format!("{key}: {error}"), "put the PEM file there");
            }
        }
    }
    findings
}

fn judge(key: &str, der: &[u8], now: Timestamp, findings: &mut Findings) {
    let Ok((_, certificate)) = parse_x509_certificate(der) else {
        return findings.fail("file", format!("{key} is no X.509 certificate"), "issue another");
    };
    let at = |time: x509_parser::time::ASN1Time| Timestamp::from_millis(time.timestamp() * 1_000);
    let (from, until) =
        (at(certificate.validity().not_before), at(certificate.validity().not_after));
    let said = format!("{key} is valid from {from} to {until}");
    let renew = "renew it, and send SIGHUP";
    if now < from || now > until {
        findings.fail("validity", format!("{said}, not now"), renew);
    } else if until < now + SOON {
        findings.warn("validity", said, renew);
    } else {
        findings.ok("validity", said);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_certificate_that_ends_soon_is_warned_of_and_one_that_ended_fails() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::new(vec!["gateway".to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2026, 1, 1);
        params.not_after = rcgen::date_time_ymd(2026, 12, 31);
        let certificate = params.self_signed(&key).unwrap();
        let verdict = |now: &str| {
            let mut findings = Findings::of("certificates");
            judge("http.tls.certificate", certificate.der(), now.parse().unwrap(), &mut findings);
            findings.list.remove(0).verdict
        };
        assert_eq!(verdict("2025-12-31T23:59:59Z"), Verdict::Fail);
        assert_eq!(verdict("2026-06-01T00:00:00Z"), Verdict::Ok);
        assert_eq!(verdict("2026-12-20T00:00:00Z"), Verdict::Warn);
        assert_eq!(verdict("2027-01-01T00:00:00Z"), Verdict::Fail);
        let mut findings = Findings::of("certificates");
        judge("http.tls.certificate", b"no certificate", Timestamp::default(), &mut findings);
        assert_eq!(findings.list.remove(0).verdict, Verdict::Fail);
    }
}
