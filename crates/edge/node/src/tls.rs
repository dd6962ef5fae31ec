//! What is wrong with another host's TLS, for the operator who must see to it.
//!
//! TLS says that the answer comes from the host that the policy names. A co-signature does not depend on it, but nothing
//! is sent to a host that cannot show who it is.

use std::error::Error;
use std::io;

use rustls::pki_types::UnixTime;
use rustls::{CertificateError, InvalidMessage};
use thiserror::Error;

use crate::scroll::text_of_micros;

/// Why no connection over TLS came about. The other operator's to mend, or ours where the message says so.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum TlsTrouble {
    /// Signed by nobody we trust.
    #[error(
        "its TLS certificate is by no authority that this system trusts; that of a private host must be among the \
         system's certificates, or in the file that SSL_CERT_FILE names"
    )]
    Issuer,
    /// It names an authority that we trust, which did not sign it.
    #[error(
        "its TLS certificate is not signed by the authority that it names: an authority's old certificate is trusted here, \
         or somebody pretends to be that host"
    )]
    NotSigned,
    /// Over.
    #[error("its TLS certificate expired{}; its operator must renew it", at(.0))]
    Expired(Option<UnixTime>),
    /// Not begun.
    #[error("its TLS certificate is not valid yet{}; a clock is wrong, its or ours", at(.0))]
    NotYet(Option<UnixTime>),
    /// For another host.
    #[error(
        "its TLS certificate is not for the host in its URL; the URL in the policy must change, or the certificate"
    )]
    OtherHost,
    /// One that may sign certificates: what makes self-signed ones by default makes these.
    #[error(
        "its TLS certificate is that of an authority, as self-signed ones often are; its operator must use it to issue one \
         for the host"
    )]
    OfAnAuthority,
    /// Anything else that is wrong with a certificate.
    #[error("its TLS certificate cannot be used: {0}")]
    Unusable(String),
    /// What answers speaks something else.
    #[error("it does not speak TLS, though its URL begins with https")]
    NotTls,
}

impl TlsTrouble {
    /// What of a failed request is TLS's fault, wherever in the chain of causes it stands.
    pub(crate) fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(tls) = error.downcast_ref::<rustls::Error>() {
                return Self::of_tls(tls);
            }
            // An `io::Error` names as its source what the error within it names, not that error.
            let within = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            next = match within {
                Some(within) => Some(within),
                None => error.source(),
            };
        }
        None
    }

    fn of_tls(error: &rustls::Error) -> Option<Self> {
        let certificate = match error {
            rustls::Error::InvalidCertificate(error) => error,
            rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
                return Some(Self::NotTls);
            }
            _ => return None,
        };
        Some(match certificate {
            CertificateError::UnknownIssuer => Self::Issuer,
            CertificateError::BadSignature => Self::NotSigned,
            CertificateError::Expired => Self::Expired(None),
            CertificateError::ExpiredContext { not_after, .. } => Self::Expired(Some(*not_after)),
            CertificateError::NotValidYet => Self::NotYet(None),
            CertificateError::NotValidYetContext { not_before, .. } => {
                Self::NotYet(Some(*not_before))
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                Self::OtherHost
            }
            // The verifier's own errors have no variant here.
            CertificateError::Other(error) if error.to_string() == "CaUsedAsEndEntity" => {
                Self::OfAnAuthority
            }
            other => Self::Unusable(other.to_string()),
        })
    }
}

fn at(time: &Option<UnixTime>) -> String {
    let micros = time.and_then(|t| i64::try_from(t.as_secs()).ok()?.checked_mul(1_000_000));
    micros.map_or_else(String::new, |m| {
        // A certificate knows whole seconds only.
        format!(" ({})", text_of_micros(m).replace(".000000", ""))
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The end-to-end test sees the others.
    #[test]
    fn a_certificate_of_tomorrow_is_told_with_its_time() {
        let second = |s| UnixTime::since_unix_epoch(Duration::from_secs(s));
        let error = CertificateError::NotValidYetContext {
            time: second(1_795_000_000),
            not_before: second(1_796_000_000),
        };
        let within = io::Error::other(rustls::Error::InvalidCertificate(error));
        let trouble = TlsTrouble::of(&io::Error::other(within)).unwrap();
        assert_eq!(
            trouble.to_string(),
            "its TLS certificate is not valid yet (2026-11-30T00:53:20Z); a clock is wrong, its or ours"
        );
        let other = rustls::Error::InvalidCertificate(CertificateError::Revoked);
        assert_eq!(
            TlsTrouble::of(&other),
            Some(TlsTrouble::Unusable("Revoked".to_owned()))
        );
        assert_eq!(TlsTrouble::of(&io::Error::other("no route")), None);
    }
}
