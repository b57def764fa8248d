//! When certificates expire: the one thing that is read of them here (RFC 5280, 4.1).

use std::time::Duration;

use rustls::pki_types::CertificateDer;

use crate::mapping::time::days;

/// Who expires within this is told of.
pub(crate) const SOON: Duration = Duration::from_secs(14 * 24 * 3600);

/// The moment at which the first of them expires, Unix time. One that cannot be read does not count: TLS will say what is
/// wrong with it.
pub(super) fn first(certificates: &[CertificateDer<'_>]) -> Option<Duration> {
    certificates.iter().filter_map(|certificate| not_after(certificate)).min()
}

fn not_after(der: &[u8]) -> Option<Duration> {
    let (_, certificate, _) = element(der)?;
    let (_, mut fields, _) = element(certificate)?;
    // The version has a default and may be missing; serial number, algorithm and issuer follow.
    if element(fields)?.0 == 0xa0 {
        fields = element(fields)?.2;
    }
    for _ in 0..3 {
        fields = element(fields)?.2;
    }
    let (_, validity, _) = element(fields)?;
    let (kind, text, _) = element(element(validity)?.2)?;
    let text = std::str::from_utf8(text).ok()?;
    let (year, rest) = match kind {
        // Two digits of the year, from 1950 to 2049.
        0x17 => {
            let year: u64 = text.get(..2)?.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, text.get(2..)?)
        }
        0x18 => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let part = |n: usize| rest.get(2 * n..2 * n + 2)?.parse::<u64>().ok();
    let days = days(year, part(0)?, part(1)?)?;
    Some(Duration::from_secs(((days * 24 + part(2)?) * 60 + part(3)?) * 60 + part(4)?))
}

/// Kind and contents of the first element, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[kind, short], mut rest) = der.split_first_chunk::<2>()?;
    let mut length = usize::from(short);
    if short >= 0x80 {
        let (digits, after) =
            rest.split_at_checked(usize::from(short & 0x7f)).filter(|(digits, _)| digits.len() <= 4)?;
        length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
        rest = after;
    }
    let (contents, rest) = rest.split_at_checked(length)?;
    Some((kind, contents, rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn ends(year: i32) -> Option<Duration> {
        let mut params = CertificateParams::new(["a.example".to_owned()]).unwrap();
        params.not_after = date_time_ymd(year, 3, 1);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        first(&[certificate.der().clone()])
    }

    #[test]
    fn the_end_is_read_in_both_forms_of_a_year() {
        assert_eq!(ends(2026), Some(Duration::from_secs(1_772_323_200)));
        assert_eq!(ends(2052), Some(Duration::from_secs(2_592_864_000)));
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for wrong in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x03\x30\x01\x02", b"-----BEGIN"]
        {
            assert_eq!(not_after(wrong), None);
        }
    }
}
