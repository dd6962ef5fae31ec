//! The Quorate node: identity, sequencing, checkpoints, HTTP API and console.
