//! Counting the entries of a record while it passes by.

/// A record of one of the two formats.
#[derive(Debug)]
pub(super) struct Record {
    form: Form,
    entries: u64,
}

#[derive(Debug)]
enum Form {
    /// One entry per line; whether the last line is complete.
    Lines { complete: bool },
    /// `u16` big-endian length, then the entry, as in C2SP entry bundles.
    Framed { head: Vec<u8>, left: usize },
}

impl Record {
    pub(super) fn lines() -> Self {
        Self {
            form: Form::Lines { complete: true },
            entries: 0,
        }
    }

    pub(super) fn framed() -> Self {
        Self {
            form: Form::Framed {
                head: Vec::new(),
                left: 0,
            },
            entries: 0,
        }
    }

    /// The next part of the record, cut anywhere.
    pub(super) fn take(&mut self, mut part: &[u8]) {
        match &mut self.form {
            Form::Lines { complete } => {
                self.entries += part.iter().filter(|b| **b == b'\n').count() as u64;
                *complete = part.last().map_or(*complete, |b| *b == b'\n');
            }
            Form::Framed { head, left } => {
                while let Some((first, rest)) = part.split_first() {
                    if *left > 0 {
                        let now = part.len().min(*left);
                        part = &part[now..];
                        *left -= now;
                        continue;
                    }
                    head.push(*first);
                    part = rest;
                    if let [high, low] = head[..] {
                        *left = usize::from(u16::from_be_bytes([high, low]));
                        self.entries += 1;
                        head.clear();
                    }
                }
            }
        }
    }

    /// Entries that began so far.
    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Whether the record may end here.
    pub(super) fn whole(&self) -> bool {
        match &self.form {
            Form::Lines { complete } => *complete,
            Form::Framed { head, left } => head.is_empty() && *left == 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_however_the_record_is_cut() {
        for size in 1..8 {
            let mut lines = Record::lines();
            b"one\n\nthree\n"
                .chunks(size)
                .for_each(|part| lines.take(part));
            assert_eq!((lines.entries(), lines.whole()), (3, true));
            let mut framed = Record::framed();
            b"\0\x03one\0\0\0\x05three"
                .chunks(size)
                .for_each(|part| framed.take(part));
            assert_eq!((framed.entries(), framed.whole()), (3, true));
        }
    }

    #[test]
    fn a_record_that_was_cut_short_is_not_whole() {
        let mut lines = Record::lines();
        lines.take(b"one\ntw");
        assert!(!lines.whole());
        let mut framed = Record::framed();
        framed.take(b"\0\x03on");
        assert!(!framed.whole());
        framed.take(b"e\0");
        assert!(!framed.whole());
        assert!(Record::framed().whole() && Record::lines().whole());
    }
}
