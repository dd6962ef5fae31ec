//! The snapshot: how much of the derived files is durable and right, so that a start need not derive it
//! again. Losing it costs time, nothing else.

use std::path::Path;
use std::sync::Arc;

use quorate_merkle::{Frontier, Hash};

use crate::disk::{Disk, MODE_SHARED, read_small, write_atomic};
use crate::error::{Corrupt, Damage, DiskError, Fault};
use crate::lookup::point::Index;
use crate::lookup::run::RunMeta;

/// The snapshot's name in a scroll's directory.
pub(crate) const SNAPSHOT_FILE: &str = "snapshot";

const MAGIC: [u8; 8] = *b"QSSNAP1\n";
const CONTEXT: &str = "quorate v1 store snapshot";
/// 62 frontier hashes and a few dozen runs per look-up are far below.
const MAX_SNAPSHOT: u64 = 1 << 20;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) spec: [u8; 32],
    /// Bytes of the record that the entries of the frontier take.
    pub(crate) bytes: u64,
    pub(crate) frontier: Frontier,
    /// Per look-up, in the order of [`Index::ALL`].
    pub(crate) lookups: [LookupFiles; 3],
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct LookupFiles {
    pub(crate) next_id: u64,
    pub(crate) runs: Vec<RunMeta>,
}

impl Snapshot {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&self.spec);
        out.extend_from_slice(&self.bytes.to_be_bytes());
        out.extend_from_slice(&self.frontier.size().to_be_bytes());
        for node in self.frontier.nodes() {
            out.extend_from_slice(node.as_bytes());
        }
        for files in &self.lookups {
            out.extend_from_slice(&files.next_id.to_be_bytes());
            out.extend_from_slice(&(files.runs.len() as u32).to_be_bytes());
            for run in &files.runs {
                out.extend_from_slice(&run.id.to_be_bytes());
                out.extend_from_slice(&run.points.to_be_bytes());
                out.extend_from_slice(&run.fences);
            }
        }
        let checksum = blake3::derive_key(CONTEXT, &out);
        out.extend_from_slice(&checksum);
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Damage> {
        let (body, checksum) = bytes.split_last_chunk::<32>().ok_or(Damage::Short)?;
        if blake3::derive_key(CONTEXT, body) != *checksum {
            return Err(Damage::Checksum);
        }
        let snapshot = Self::parse(body).ok_or(Damage::Format)?;
        if snapshot.encode() != bytes {
            return Err(Damage::Format);
        }
        Ok(snapshot)
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = body.strip_prefix(&MAGIC)?;
        let spec = take(&mut rest)?;
        let record_bytes = u64::from_be_bytes(take(&mut rest)?);
        let size = u64::from_be_bytes(take(&mut rest)?);
        let nodes = (0..size.count_ones())
            .map(|_| take(&mut rest).map(Hash::from_bytes))
            .collect::<Option<_>>()?;
        let mut lookups: [LookupFiles; 3] = Default::default();
        for files in &mut lookups {
            files.next_id = u64::from_be_bytes(take(&mut rest)?);
            for _ in 0..u32::from_be_bytes(take(&mut rest)?) {
                files.runs.push(RunMeta {
                    id: u64::from_be_bytes(take(&mut rest)?),
                    points: u64::from_be_bytes(take(&mut rest)?),
                    fences: take(&mut rest)?,
                });
            }
        }
        Some(Self {
            spec,
            bytes: record_bytes,
            frontier: Frontier::from_parts(size, nodes).ok()?,
            lookups,
        })
    }

    /// Reads the snapshot in `dir`; `Ok(None)` when there is none. A damaged one is [`Fault::Corrupt`].
    pub(crate) fn read(
        disk: &dyn Disk,
        dir: &Path,
        spec: &[u8; 32],
    ) -> Result<Option<Self>, Fault> {
        let path = dir.join(SNAPSHOT_FILE);
        let bytes = match read_small(disk, &path, MAX_SNAPSHOT) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(None),
            Err(e) if e.kind == std::io::ErrorKind::FileTooLarge => {
                return Err(Corrupt::new(&path, MAX_SNAPSHOT, Damage::Format).into());
            }
            Err(e) if e.is_unreadable() => {
                return Err(Corrupt::new(&path, 0, Damage::Unreadable).into());
            }
            Err(e) => return Err(e.into()),
        };
        let snapshot = Self::decode(&bytes).map_err(|damage| Corrupt::new(&path, 0, damage))?;
        if snapshot.spec != *spec {
            return Err(Corrupt::new(&path, 0, Damage::Foreign).into());
        }
        Ok(Some(snapshot))
    }

    /// Replaces the snapshot. Everything it speaks of is durable already.
    pub(crate) fn write(&self, disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), DiskError> {
        write_atomic(
            &**disk,
            &dir.join(SNAPSHOT_FILE),
            &self.encode(),
            MODE_SHARED,
        )
    }

    /// The ids of the live runs of one look-up.
    pub(crate) fn has_run(&self, index: Index, name: &str) -> bool {
        let position = Index::ALL.iter().position(|i| *i == index);
        position.is_some_and(|at| {
            self.lookups[at]
                .runs
                .iter()
                .any(|run| run.file_name() == name)
        })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk()?;
    *rest = tail;
    Some(*head)
}
