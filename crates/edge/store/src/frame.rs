//! The frame of a journal record: magic, kind, place, length, payload, checksum. A record is written as two
//! frames, one in each lane of the file ([`crate::journal`]), equal but for the lane's number.
//!
//! A frame says where it stands, and its checksum is taken together with the scroll's fingerprint: one of
//! another scroll is no frame here, one of another place is known for what it is. Frames begin at multiples
//! of 8 bytes and their length is one too, so that a scan finds those that stand where none should.

/// Frames begin and end at multiples of this many bytes.
pub(crate) const ALIGN: usize = 8;

const MAGIC: [u8; 4] = *b"QSJ2";
/// Magic, kind, lane, two zeros, length of the payload, place in the lane.
const HEADER: usize = 20;
const CHECKSUM: usize = 16;
const CONTEXT: &str = "quorate v2 journal frame";

/// Largest payload: a base record with all cursors at their limits is below 1.3 MiB.
pub(crate) const MAX_PAYLOAD: usize = 2 << 20;

/// Where a frame stands: in one lane of the journal, so many bytes from the lane's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) lane: u8,
    pub(crate) at: u64,
}

/// A whole frame, wherever it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    pub(crate) kind: u8,
    /// Where it was written to.
    pub(crate) place: Place,
    pub(crate) payload: &'a [u8],
    /// Length of the frame.
    pub(crate) len: usize,
}

/// Appends one frame of the scroll with this fingerprint. `payload` is within [`MAX_PAYLOAD`].
pub(crate) fn encode(kind: u8, payload: &[u8], scroll: &[u8; 32], place: Place, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[kind, place.lane, 0, 0]);
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(&place.at.to_be_bytes());
    out.extend_from_slice(payload);
    out.resize(start + frame_len(payload.len()) - CHECKSUM, 0);
    let checksum = checksum(scroll, &out[start..]);
    out.extend_from_slice(&checksum);
}

/// Length of the frame of a payload of `len` bytes.
pub(crate) const fn frame_len(len: usize) -> usize {
    (HEADER + len).next_multiple_of(ALIGN) + CHECKSUM
}

/// The valid frame of this scroll at the start of `bytes`.
pub(crate) fn decode<'a>(bytes: &'a [u8], scroll: &[u8; 32]) -> Option<Frame<'a>> {
    let frame = unchecked(bytes)?;
    let (body, sum) = bytes.get(..frame.len)?.split_at(frame.len - CHECKSUM);
    // The padding is under the checksum; requiring zeros keeps the form unique.
    let padding = body.get(HEADER + frame.payload.len()..)?;
    (checksum(scroll, body) == sum && padding.iter().all(|b| *b == 0)).then_some(frame)
}

/// What a frame at the start of `bytes` says of itself, its checksum left out of account.
pub(crate) fn unchecked(bytes: &[u8]) -> Option<Frame<'_>> {
    let rest = bytes.strip_prefix(&MAGIC)?;
    let ([kind, lane, 0, 0], rest) = rest.split_first_chunk()? else {
        return None;
    };
    let (len, rest) = rest.split_first_chunk()?;
    let (at, rest) = rest.split_first_chunk()?;
    let len = usize::try_from(u32::from_be_bytes(*len)).ok()?;
    if len > MAX_PAYLOAD {
        return None;
    }
    let place = Place {
        lane: *lane,
        at: u64::from_be_bytes(*at),
    };
    Some(Frame {
        kind: *kind,
        place,
        payload: rest.get(..len)?,
        len: frame_len(len),
    })
}

/// Whether nothing was begun at the start of `bytes`. What was never written is zero or not there.
pub(crate) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().take(HEADER).all(|b| *b == 0)
}

/// How many bytes from the start of `bytes` decide whether a frame stands there.
pub(crate) fn span(bytes: &[u8]) -> usize {
    unchecked(bytes).map_or(HEADER, |frame| frame.len)
}

/// Whether `bytes` begin as a journal of another version of this format does.
pub(crate) fn is_other_version(bytes: &[u8]) -> bool {
    let (name, version) = MAGIC.split_at(3);
    bytes.starts_with(name)
        && !bytes.starts_with(&MAGIC)
        && bytes
            .get(3)
            .is_some_and(|v| v.is_ascii_digit() && [*v] != *version)
}

fn checksum(scroll: &[u8; 32], body: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(scroll);
    hasher.update(body);
    let mut out = [0; CHECKSUM];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM]);
    out
}

/// Makes the checksum of every frame right, wherever it stands: what somebody does who knows the scroll.
pub(crate) fn forge(bytes: &mut [u8], scroll: &[u8; 32]) {
    let mut at = 0;
    while at < bytes.len() {
        let len = unchecked(&bytes[at..]).map_or(0, |frame| frame.len);
        if len > 0 && at + len <= bytes.len() {
            let (body, sum) = bytes[at..at + len].split_at_mut(len - CHECKSUM);
            sum.copy_from_slice(&checksum(scroll, body));
            at += len;
        } else {
            at += ALIGN;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCROLL: [u8; 32] = [3; 32];
    const PLACE: Place = Place { lane: 1, at: 4096 };

    fn framed(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(2, payload, &SCROLL, PLACE, &mut out);
        out
    }

    #[test]
    fn a_frame_comes_back_as_written() {
        for len in [0, 1, 3, 4, 5, 300] {
            let payload = vec![7; len];
            let out = framed(&payload);
            assert_eq!(out.len() % ALIGN, 0);
            let frame = Frame {
                kind: 2,
                place: PLACE,
                payload: &payload,
                len: out.len(),
            };
            assert_eq!(decode(&out, &SCROLL), Some(frame));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let out = framed(b"payload of a seal");
        for bit in 0..out.len() * 8 {
            let mut bad = out.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bad, &SCROLL), None, "bit {bit}");
        }
    }

    #[test]
    fn a_cut_frame_is_no_frame() {
        let out = framed(b"payload");
        for len in 0..out.len() {
            assert_eq!(decode(&out[..len], &SCROLL), None);
        }
    }

    #[test]
    fn a_frame_of_another_scroll_is_no_frame() {
        assert_eq!(decode(&framed(b"payload"), &[4; 32]), None);
    }
}
