//! The judgement, in one pass over the file.

use quorate_merkle::{Hash, RunsError, leaf_hash, verify_runs};
use quorate_provenance::{Content, Label, Opening, Rules, Session, Step, Taken, Verified};
use quorate_receipt::{Blake3Hash, MAX_RECEIPT_LEN, Receipt, Sha256Text, Timestamp};
use sha2::{Digest as _, Sha256};

use super::MAX_PRESENTATION_LEN;
use super::attestation::{
    AFTER, Artifact, AttestationError, BEFORE, Envelope, MAX_STATEMENT_LEN, subjects, subjects_text,
};
use super::error::{BundleError, Failure};
use super::head::{Read, read_checkpoint, read_rest};
use super::presentation::{Presentation, PresentationError};
use super::report::{BundleReport, Enforced, PayloadForm, PayloadProof};
use super::scan::{Failed, ScanError, Scanner, Source};
use super::trust::{HeadProof, judge};
use crate::anchor::{ActorKey, Anchor};

/// So many seconds may two clocks differ.
const CLOCK_SKEW: u64 = 300;

/// Judges bundles by one anchor, at one time.
#[derive(Debug, Clone, Copy)]
pub struct BundleVerifier<'a> {
    anchor: &'a Anchor,
    now: Timestamp,
    payload: Option<Beside>,
}

/// A payload that is not in the bundle.
#[derive(Debug, Clone, Copy)]
enum Beside {
    Hash(Sha256Text),
    File {
        canonical: Option<Sha256Text>,
        bytes: Sha256Text,
    },
}

impl Beside {
    /// What the hash is taken of, if it is one of this payload's.
    fn form(self, bound: Sha256Text) -> Option<Option<PayloadForm>> {
        match self {
            Self::Hash(hash) => (hash == bound).then_some(None),
            Self::File { canonical, .. } if canonical == Some(bound) => {
                Some(Some(PayloadForm::CanonicalJson))
            }
            Self::File { bytes, .. } => (bytes == bound).then_some(Some(PayloadForm::Bytes)),
        }
    }

    /// The hash that a closing binds unless it was told otherwise.
    fn hash(self) -> Sha256Text {
        match self {
            Self::Hash(hash) => hash,
            Self::File { canonical, bytes } => canonical.unwrap_or(bytes),
        }
    }
}

/// The hash of a payload, as closings bind it: SHA-256 of its bytes.
#[must_use]
pub fn payload_hash(payload: &[u8]) -> Sha256Text {
    Sha256Text::from_bytes(Sha256::digest(payload).into())
}

/// What a bundle says of itself: its opening, signed by the key that it names. Nothing else of the bundle was looked at, and
/// nobody vouches for the key.
///
/// # Errors
/// [`BundleError`]: up to its opening it is not a bundle.
pub fn opening(bundle: &[u8]) -> Result<Verified<Opening>, BundleError> {
    let read = || {
        let mut scanner = Scanner::new(bundle);
        read_checkpoint(&mut scanner)?;
        read_rest(&mut scanner)?;
        let text = scanner.value(MAX_RECEIPT_LEN)?;
        let position = 0;
        let receipt = Receipt::parse_canonical(&text)
            .map_err(|error| BundleError::Receipt { position, error })?;
        let session =
            Session::open(&receipt).map_err(|error| BundleError::Session { position, error })?;
        Ok(session.opening().clone())
    };
    read().map_err(|failure| match failure {
        Failure::Refused(error) => error,
        Failure::Read(never) => match never {},
    })
}

impl<'a> BundleVerifier<'a> {
    /// By this anchor; `now` decides what has expired, and is the caller's clock.
    #[must_use]
    pub fn new(anchor: &'a Anchor, now: Timestamp) -> Self {
        Self {
            anchor,
            now,
            payload: None,
        }
    }

    /// Also judges a payload that is not in the bundle, by the hash of its bytes ([`payload_hash`]).
    #[must_use]
    pub fn with_payload(self, hash: Sha256Text) -> Self {
        Self {
            payload: Some(Beside::Hash(hash)),
            ..self
        }
    }

    /// The same for a file's bytes: they, or if they are JSON their canonical form, which is how a bundle holds a payload,
    /// must be what the closing binds.
    #[must_use]
    pub fn with_payload_file(self, file: &[u8]) -> Self {
        let canonical = quorate_receipt::json::canonicalize(file).ok();
        Self {
            payload: Some(Beside::File {
                canonical: canonical.map(|text| payload_hash(&text)),
                bytes: payload_hash(file),
            }),
            ..self
        }
    }

    /// Verifies a bundle, a presentation or an attestation.
    ///
    /// # Errors
    /// [`Failure::Read`] if the source fails, else [`Failure::Refused`] with the first thing that does not hold: the fault
    /// of whoever made or carried the bundle, or of an anchor for others.
    pub fn verify<S: Source>(&self, source: S) -> Result<BundleReport, Failure<S::Error>> {
        self.verify_each(source, |_, _| {})
    }

    /// The same, showing each step, with its label, as it is taken. Nothing holds before the whole is verified: a caller
    /// may keep what it sees, and must not act on it.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub fn verify_each<S: Source>(
        &self,
        source: S,
        mut each: impl FnMut(&Verified<Step>, Label),
    ) -> Result<BundleReport, Failure<S::Error>> {
        let mut scanner = Scanner::new(source);
        if let Some(envelope) = Envelope::read(&mut scanner)? {
            return Ok(self.attested(&envelope, each)?);
        }
        let presented = scanner.accept("{\"bundle\":")?;
        if presented {
            scanner.start_hash();
        }
        let mut report = self.bundle(&mut scanner, &mut each)?;
        report.presentation = self.presentation(&mut scanner, presented, &report)?;
        scanner.end()?;
        Ok(report)
    }

    /// A bundle inside a statement that the session's key signed.
    fn attested(
        &self,
        envelope: &Envelope,
        mut each: impl FnMut(&Verified<Step>, Label),
    ) -> Result<BundleReport, BundleError> {
        let statement = &*envelope.statement;
        let mut made = Vec::new();
        let mut judged = || {
            let mut scanner = Scanner::new(statement);
            scanner.expect(BEFORE)?;
            let start = scanner.offset();
            let mut each = |step: &Verified<Step>, label| {
                made.extend(Artifact::of(step));
                each(step, label);
            };
            let report = self.bundle(&mut scanner, &mut each)?;
            let length = scanner.offset() - start;
            scanner.expect(AFTER)?;
            let subjects = scanner.value(MAX_STATEMENT_LEN)?;
            scanner.expect("}")?;
            scanner.end()?;
            Ok((report, length, subjects))
        };
        let (mut report, length, stated) = judged().map_err(|failure| match failure {
            Failure::Refused(error) => error,
            Failure::Read(never) => match never {},
        })?;
        envelope.verify(report.session.key())?;
        let bundle = statement.get(BEFORE.len()..).unwrap_or_default();
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let bundle = bundle.get(..length).unwrap_or_default();
        let subjects = subjects(made, &report, bundle);
        if stated != subjects_text(&subjects) {
            return Err(AttestationError::Subjects.into());
        }
        self.needs_no_presentation()?;
        report.attestation = Some(subjects);
        Ok(report)
    }

    /// A bundle, and nothing of what may be around it.
    fn bundle<S: Source>(
        &self,
        scanner: &mut Scanner<S>,
        each: &mut impl FnMut(&Verified<Step>, Label),
    ) -> Result<BundleReport, Failure<S::Error>> {
        let proof = judge(&self.anchor.log, &read_checkpoint(scanner)?)?;
        self.check_age(&proof)?;
        let head = read_rest(scanner)?;
        let mut steps = Steps {
            verifier: self,
            head: &head,
            scanner,
            session: None,
            taken: 0,
            actor: None,
            seen: Seen::default(),
            each,
        };
        let (size, root) = (proof.checkpoint().size(), *proof.checkpoint().root());
        let included = verify_runs(&head.leaves, size, &root, &head.proof, || steps.next());
        included.map_err(|error| match error {
            RunsError::Proof(error) => Failure::Refused(BundleError::NotIncluded(error)),
            RunsError::Leaf(failure) => failure,
        })?;
        let Steps {
            scanner,
            session,
            actor,
            seen,
            ..
        } = steps.end()?;
        let (Some(session), Some(actor)) = (session, actor) else {
            // `LeafRuns` name at least one leaf, and the first is the opening.
            let offset = scanner.offset();
            return Err(BundleError::Text(ScanError::Truncated { offset }).into());
        };
        if self.anchor.require.complete && !session.is_closed() {
            return Err(BundleError::Incomplete.into());
        }
        // Steps come in the order of what is shown, so the first that no step sealed stops the rest.
        if let Some(shown) = head.sealed.get(seen.opened) {
            let sequence = shown.sequence;
            return Err(BundleError::OtherContent { sequence }.into());
        }
        let (payload, payload_form) = self.payload_proof(&head, &session)?;
        Ok(BundleReport {
            payload,
            payload_form,
            actor: actor.clone(),
            head: proof,
            leaves: head.leaves,
            shown: seen.opened as u64,
            sealed: seen.sealed,
            elsewhere: seen.elsewhere,
            label: seen.label,
            rules: self.enforced(&seen.matched),
            presentation: None,
            asked: self.anchor.require.of_presentation(),
            attestation: None,
            session,
        })
    }

    fn enforced(&self, matched: &[u64]) -> Vec<Enforced> {
        let rules = self.anchor.flow.iter().flat_map(Rules::iter);
        let counts = matched.iter().copied().chain(std::iter::repeat(0));
        let enforced = rules.zip(counts);
        enforced
            .map(|(rule, matched)| Enforced {
                rule: rule.clone(),
                matched,
            })
            .collect()
    }

    fn check_age(&self, proof: &HeadProof) -> Result<(), BundleError> {
        let Some(allowed) = self.anchor.require.max_age_seconds else {
            return Ok(());
        };
        let now = u64::try_from(self.now.seconds()).unwrap_or(0);
        // An anchor asks for an age only where there is a quorum; one without times would be as old as can be.
        let signed = proof.oldest_cosignature().unwrap_or(0);
        // By a clock that is behind, everything is young.
        if let Some(ahead) = signed.checked_sub(now)
            && ahead > CLOCK_SKEW
        {
            return Err(BundleError::FromTheFuture { ahead });
        }
        let age = now.saturating_sub(signed);
        if age > allowed {
            return Err(BundleError::TooOld { age, allowed });
        }
        Ok(())
    }

    fn presentation<S: Source>(
        &self,
        scanner: &mut Scanner<S>,
        presented: bool,
        report: &BundleReport,
    ) -> Result<Option<Presentation>, Failure<S::Error>> {
        if !presented {
            self.needs_no_presentation()?;
            return Ok(None);
        }
        let found = Blake3Hash::from_bytes(scanner.take_hash().unwrap_or_default());
        scanner.expect(",\"presentation\":")?;
        let text = scanner.value(MAX_PRESENTATION_LEN)?;
        scanner.expect("}")?;
        let session = &report.session;
        let presentation = Presentation::verify(&text, session.subject(), session.key())
            .map_err(BundleError::from)?;
        self.check_presentation(&presentation, found, &report.actor)
            .map_err(BundleError::from)?;
        Ok(Some(presentation))
    }

    fn needs_no_presentation(&self) -> Result<(), BundleError> {
        let require = &self.anchor.require;
        match (&require.audience, &require.nonce) {
            (None, None) => Ok(()),
            _ => Err(BundleError::NoPresentation),
        }
    }

    fn check_presentation(
        &self,
        presentation: &Presentation,
        found: Blake3Hash,
        actor: &ActorKey,
    ) -> Result<(), PresentationError> {
        let require = &self.anchor.require;
        if presentation.bundle != found {
            let presented = presentation.bundle;
            return Err(PresentationError::OtherBundle { presented, found });
        }
        if let Some(required) = &require.audience
            && presentation.audience != *required
        {
            return Err(PresentationError::Audience {
                found: presentation.audience.clone(),
                required: required.clone(),
            });
        }
        if let Some(required) = &require.nonce
            && presentation.nonce != *required
        {
            return Err(PresentationError::Nonce {
                found: presentation.nonce.clone(),
                required: required.clone(),
            });
        }
        if presentation.expires.micros() < self.now.micros() {
            return Err(PresentationError::Expired {
                expires: presentation.expires,
                now: self.now,
            });
        }
        let (signed, now) = (presentation.timestamp, self.now);
        let limit = now
            .micros()
            .saturating_add(CLOCK_SKEW.cast_signed() * 1_000_000);
        if signed.micros() > presentation.expires.micros() || signed.micros() > limit {
            return Err(PresentationError::Dated { signed, now });
        }
        // Whoever shows it signs now: a key that counts no more shows nothing, and could date a presentation back.
        for time in [signed, now] {
            if !actor.counts_at(time) {
                return Err(PresentationError::OutOfWindow { time });
            }
        }
        Ok(())
    }

    /// What is shown must be what is bound, and something must be bound if the anchor says so.
    fn payload_proof(
        &self,
        head: &Read,
        session: &Session,
    ) -> Result<(PayloadProof, Option<PayloadForm>), BundleError> {
        let (inside, beside) = (head.payload, self.payload);
        let is_shown = inside.is_some() || beside.is_some();
        let Some(bound) = session.payload() else {
            if self.anchor.require.payload_binding || is_shown {
                return Err(BundleError::PayloadUnbound);
            }
            return Ok((PayloadProof::None, None));
        };
        let other = |found| BundleError::OtherPayload {
            found,
            bound: bound.hash,
        };
        let mut form = None;
        if let Some(beside) = beside {
            let found = beside.form(bound.hash);
            form = found.ok_or_else(|| other(beside.hash()))?;
        }
        if let Some(inside) = inside {
            if inside != bound.hash {
                return Err(other(inside));
            }
            // A bundle holds a payload as canonical JSON and in no other way.
            form = Some(PayloadForm::CanonicalJson);
        }
        let proof = match is_shown {
            true => PayloadProof::Shown(bound.clone()),
            false => PayloadProof::Bound(bound.clone()),
        };
        Ok((proof, form))
    }
}

/// What was seen while the steps were taken.
#[derive(Default)]
struct Seen {
    /// So many contents that are shown fit the steps that sealed them, in their order.
    opened: usize,
    sealed: u64,
    elsewhere: u64,
    label: Label,
    /// Of each rule, by its place, how much it was about; shorter where the last ones were about nothing.
    matched: Vec<u64>,
}

impl Seen {
    fn matched(&mut self, places: impl Iterator<Item = usize>) {
        for place in places {
            if self.matched.len() <= place {
                self.matched.resize(place + 1, 0);
            }
            if let Some(matched) = self.matched.get_mut(place) {
                *matched += 1;
            }
        }
    }
}

/// Takes the receipts from the file, one for each leaf.
struct Steps<'a, S, F> {
    verifier: &'a BundleVerifier<'a>,
    head: &'a Read,
    scanner: &'a mut Scanner<S>,
    session: Option<Session>,
    taken: u64,
    actor: Option<&'a ActorKey>,
    seen: Seen,
    each: &'a mut F,
}

impl<'a, S: Source, F: FnMut(&Verified<Step>, Label)> Steps<'a, S, F> {
    /// Takes the next receipt and gives its leaf hash.
    fn next(&mut self) -> Result<Hash, Failure<S::Error>> {
        let position = self.taken;
        if position > 0 && !self.scanner.accept(",")? {
            // Either the list ends too early, or something else stands there.
            self.scanner.expect("]")?;
            return Err(self.count(position).into());
        }
        let text = self.scanner.value(MAX_RECEIPT_LEN)?;
        let receipt = Receipt::parse_canonical(&text);
        let receipt = receipt.map_err(|error| BundleError::Receipt { position, error })?;
        self.take(position, &receipt)?;
        self.taken += 1;
        Ok(leaf_hash(&text))
    }

    fn count(&self, steps: u64) -> BundleError {
        let leaves = self.head.leaves.leaves() as u64;
        BundleError::Count { leaves, steps }
    }

    fn take(&mut self, position: u64, receipt: &Receipt) -> Result<(), BundleError> {
        let invalid = |error| BundleError::Session { position, error };
        let rules = self.verifier.anchor.flow.as_ref();
        match &mut self.session {
            None => {
                let session = self.open(receipt)?;
                self.session = Some(session);
            }
            Some(session) => match session.take(receipt).map_err(invalid)? {
                Taken::Step(step, label) => {
                    see(&mut self.seen, self.head, &step)?;
                    self.seen.label = self.seen.label.meet(label);
                    if let Some(rules) = rules {
                        self.seen.matched(rules.about(&step.kind));
                    }
                    (self.each)(&step, label);
                }
                Taken::Closed(closing) => {
                    if let Some(rules) = rules
                        && closing.payload.is_some()
                    {
                        self.seen.matched(rules.about_payload());
                    }
                }
            },
        }
        let time = receipt.timestamp();
        match self.actor {
            Some(actor) if !actor.counts_at(time) => {
                Err(BundleError::OutOfWindow { position, time })
            }
            _ => Ok(()),
        }
    }

    /// Opens the session, if the anchor knows who speaks.
    fn open(&mut self, opening: &Receipt) -> Result<Session, BundleError> {
        let anchor = self.verifier.anchor;
        let invalid = |error| BundleError::Session { position: 0, error };
        let session = match &anchor.flow {
            Some(rules) => Session::open_under(opening, rules.clone()),
            None => Session::open(opening),
        };
        let session = session.map_err(invalid)?;
        let (key, subject) = (*session.key(), session.subject().clone());
        let Some(actor) = anchor.actor(&key) else {
            return Err(BundleError::UnknownActor { key, subject });
        };
        if !actor.acts_for(&subject) {
            return Err(BundleError::OutOfScope { key, subject });
        }
        let found = *session.id();
        let stated = self.head.session;
        if stated != found {
            return Err(BundleError::OtherSession { stated, found });
        }
        if let Some(required) = anchor.require.session
            && required != found
        {
            return Err(BundleError::UnexpectedSession { found, required });
        }
        self.actor = Some(actor);
        Ok(session)
    }

    /// The list ends where the leaves do.
    fn end(self) -> Result<Self, Failure<S::Error>> {
        if self.scanner.accept(",")? {
            return Err(self.count(self.taken + 1).into());
        }
        self.scanner.expect("]}")?;
        Ok(self)
    }
}

fn see(seen: &mut Seen, head: &Read, step: &Step) -> Result<(), BundleError> {
    let sequence = step.link.sequence;
    let shown = head.sealed.get(seen.opened);
    match (&step.content, shown.filter(|s| s.sequence == sequence)) {
        (Some(Content::Sealed(sealed)), Some(shown)) if shown.commits_to == *sealed => {
            seen.opened += 1;
        }
        (_, Some(_)) => return Err(BundleError::OtherContent { sequence }),
        (Some(Content::Sealed(_)), None) => seen.sealed += 1,
        (Some(Content::Hashed { .. }), None) => seen.elsewhere += 1,
        (Some(Content::Inline(_)) | None, None) => {}
    }
    Ok(())
}

impl<E> From<Failed<E>> for Failure<E> {
    fn from(failed: Failed<E>) -> Self {
        match failed {
            Failed::Source(error) => Self::Read(error),
            Failed::Text(error) => Self::Refused(error.into()),
        }
    }
}

impl<E> From<BundleError> for Failure<E> {
    fn from(error: BundleError) -> Self {
        Self::Refused(error)
    }
}
