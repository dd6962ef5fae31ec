//! The frame of a journal record: magic, kind, length, payload, checksum. A record is written as two
//! identical frames, one after the other.
//!
//! Frames begin at multiples of 8 bytes and their length is one too, so that a scan can find a second copy
//! whose first one was damaged in the length field.

/// Frames begin and end at multiples of this many bytes.
pub(crate) const ALIGN: usize = 8;

const MAGIC: [u8; 4] = *b"QSJ1";
const HEADER: usize = 12;
const CHECKSUM: usize = 16;
const CONTEXT: &str = "quorate v1 journal frame";

/// Largest payload: a base record with all cursors at their limits is below 1.3 MiB.
pub(crate) const MAX_PAYLOAD: usize = 2 << 20;

/// Appends one frame. `payload` is within [`MAX_PAYLOAD`].
pub(crate) fn encode(kind: u8, payload: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[kind, 0, 0, 0]);
    out.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    out.extend_from_slice(payload);
    out.resize(start + frame_len(payload.len()) - CHECKSUM, 0);
    let checksum = checksum(&out[start..]);
    out.extend_from_slice(&checksum);
}

/// Length of the frame of a payload of `len` bytes.
pub(crate) const fn frame_len(len: usize) -> usize {
    (HEADER + len).next_multiple_of(ALIGN) + CHECKSUM
}

/// The valid frame at the start of `bytes`: kind, payload, length of the frame.
pub(crate) fn decode(bytes: &[u8]) -> Option<(u8, &[u8], usize)> {
    let header = bytes.get(..HEADER)?;
    if header[..4] != MAGIC || header[5..8] != [0; 3] {
        return None;
    }
    let len = usize::try_from(u32::from_be_bytes([
        header[8], header[9], header[10], header[11],
    ]))
    .ok()?;
    if len > MAX_PAYLOAD {
        return None;
    }
    let total = frame_len(len);
    let frame = bytes.get(..total)?;
    let (body, sum) = frame.split_at(total - CHECKSUM);
    // The padding is under the checksum; requiring zeros keeps the form unique.
    if checksum(body) != sum || body[HEADER + len..].iter().any(|b| *b != 0) {
        return None;
    }
    Some((header[4], &body[HEADER..HEADER + len], total))
}

fn checksum(body: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
    hasher.update(body);
    let mut out = [0; CHECKSUM];
    out.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_written() {
        for len in [0, 1, 7, 8, 9, 300] {
            let payload = vec![7; len];
            let mut out = Vec::new();
            encode(2, &payload, &mut out);
            assert_eq!(out.len() % ALIGN, 0);
            assert_eq!(decode(&out), Some((2, payload.as_slice(), out.len())));
        }
    }

    #[test]
    fn every_flipped_bit_of_a_frame_is_noticed() {
        let mut out = Vec::new();
        encode(2, b"payload of a seal", &mut out);
        for bit in 0..out.len() * 8 {
            let mut bad = out.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode(&bad), None, "bit {bit}");
        }
    }

    #[test]
    fn a_cut_frame_is_no_frame() {
        let mut out = Vec::new();
        encode(1, b"payload", &mut out);
        for len in 0..out.len() {
            assert_eq!(decode(&out[..len]), None);
        }
    }
}
