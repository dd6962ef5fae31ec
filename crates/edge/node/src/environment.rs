//! Whose fault it is that a node cannot be opened: the environment's, or what the directory holds.

use quorate_store::{Damage, DataDirError, Fault, OpenError, SpecError};

use crate::auth::TokenError;
use crate::backup::BackupError;
use crate::database::DatabaseError;
use crate::fanout::QuorumError;
use crate::identity::IdentityError;
use crate::keys::KeyError;
use crate::node::NodeError;
use crate::state::StateError;
use crate::witness::{WitnessError, WitnessKeyError, WitnessStoreError};

impl NodeError {
    /// Whether the disk, the network or the system failed. The same may work later, and it says nothing about
    /// what is in the data directory.
    #[must_use]
    pub fn is_environment(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Listen { .. } | Self::Failed(_) | Self::Empty(_) => true,
            Self::DataDir(error) => {
                matches!(error, DataDirError::Disk(_) | DataDirError::InUse(_))
            }
            Self::Scroll { source, .. } => match source {
                OpenError::Fault(Fault::Disk(_)) | OpenError::Spec(SpecError::Disk(_)) => true,
                // What the disk cannot read may be whole: it says nothing about what was written.
                OpenError::Fault(Fault::Corrupt(found)) => found.damage == Damage::Unreadable,
                _ => false,
            },
            Self::Key(error) | Self::Identity(IdentityError::Key(error)) => key(error),
            Self::State(error) | Self::Token(TokenError::State(error)) => state(error),
            Self::Token(error) => matches!(error, TokenError::Randomness(_)),
            Self::Backup(error) => matches!(error, BackupError::Io { .. } | BackupError::Disk(_)),
            Self::Witness(error) => witness(error),
            Self::Quorum(error) => matches!(error, QuorumError::Read { .. }),
            Self::Tls(_) => true,
            Self::Create { .. }
            | Self::StoredCheckpoint { .. }
            | Self::History { .. }
            | Self::Missing { .. }
            | Self::OperatorToken { .. }
            | Self::Identity(_) => false,
        }
    }
}

fn key(error: &KeyError) -> bool {
    matches!(error, KeyError::Io { .. } | KeyError::Randomness(_))
}

fn witness(error: &WitnessError) -> bool {
    match error {
        WitnessError::Thread(_) => true,
        WitnessError::Key(WitnessKeyError::File(error)) => key(error),
        WitnessError::Key(WitnessKeyError::Agent { .. }) => true,
        WitnessError::Store(WitnessStoreError::Io(_)) => true,
        WitnessError::Store(WitnessStoreError::Database(error)) => database(error),
        _ => false,
    }
}

fn state(error: &StateError) -> bool {
    match error {
        StateError::Open(error) => database(error),
        StateError::Database(error) => disk(error),
        _ => false,
    }
}

fn database(error: &DatabaseError) -> bool {
    match error {
        DatabaseError::Io { .. } => true,
        DatabaseError::Database(error) => disk(error),
    }
}

fn disk(error: &redb::Error) -> bool {
    matches!(
        error,
        redb::Error::Io(_) | redb::Error::PreviousIo | redb::Error::DatabaseAlreadyOpen
    )
}
