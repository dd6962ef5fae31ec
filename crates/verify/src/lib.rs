//! The offline verifier: proof, entry and policy in, a typed report out.
