//! Trust levels (VAULTMESH-FEDERATION-PROTOCOL §1.3).

use std::fmt;

use quorate_receipt::json::Value;

/// How far two meshes trust each other. Each level includes those below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TrustLevel {
    /// 0: no federation.
    Isolated,
    /// 1: read-only witness.
    Observe,
    /// 2: mutual verification.
    Verify,
    /// 3: cross-attestation.
    Attest,
    /// 4: shared scrolls.
    Integrate,
}

impl TrustLevel {
    /// All levels, the lowest first.
    pub const ALL: [Self; 5] = [
        Self::Isolated,
        Self::Observe,
        Self::Verify,
        Self::Attest,
        Self::Integrate,
    ];

    /// The number, 0 to 4.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Isolated => 0,
            Self::Observe => 1,
            Self::Verify => 2,
            Self::Attest => 3,
            Self::Integrate => 4,
        }
    }

    /// The level with this number.
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        let index = usize::try_from(number).ok()?;
        Self::ALL.get(index).copied()
    }

    /// The documents' name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Isolated => "isolated",
            Self::Observe => "observe",
            Self::Verify => "verify",
            Self::Attest => "attest",
            Self::Integrate => "integrate",
        }
    }
}

impl fmt::Display for TrustLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.as_str())
    }
}

impl From<TrustLevel> for Value {
    fn from(level: TrustLevel) -> Self {
        Self::from(u32::from(level.number()))
    }
}
