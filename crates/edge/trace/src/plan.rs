//! Steps before they are signed.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use quorate_provenance::{Attributes, MAX_PARENTS, MAX_STEPS, SourceClass, StepDraft, StepKind};
use quorate_receipt::{Blake3Hash, Sha256Text, Timestamp};

use crate::Format;
use crate::content::Whole;
use crate::error::ReadError;

/// The most parents that a step is given; more come together in merges first, at most so many in each.
pub const MAX_DERIVED: usize = 128;
const _: () = assert!(MAX_DERIVED <= MAX_PARENTS);

/// How many neighbours a shared merge brings together. A run of up to 2^20 = 32^4 is at most 2 · 31 · 4 = 248 merges and
/// spans, which come together in two or three of one step's own.
const BLOCK: usize = 32;

/// A file as sessions.
#[derive(Clone, Debug)]
pub struct Log<'a> {
    /// How it is written.
    pub format: Format,
    /// A session each, none of them empty.
    pub traces: Vec<Trace<'a>>,
    /// How many spans came once more, the same to the letter, and were taken once.
    pub repeated: usize,
}

/// What becomes one session.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// The trace id in hexadecimal; a log of lines has none.
    pub id: Option<String>,
    /// When it began: no later than the time of any step.
    pub began: Option<Timestamp>,
    /// In the order in which they are recorded.
    pub steps: Vec<Planned<'a>>,
}

/// A step without a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned<'a> {
    /// What it was.
    pub kind: StepKind,
    /// What it derives from, as rising indexes of earlier steps.
    pub parents: Vec<usize>,
    /// Where what it brings in comes from.
    pub source: Option<SourceClass>,
    /// When it ended, to the microsecond; none: when it is recorded.
    pub time: Option<Timestamp>,
    /// Remarks.
    pub attributes: Attributes,
    /// The span or line that it is.
    pub content: Option<Whole<'a>>,
}

impl<'a> Planned<'a> {
    pub(crate) fn new(kind: StepKind, text: impl Into<Cow<'a, str>>) -> Self {
        Self {
            kind,
            parents: Vec::new(),
            source: None,
            time: None,
            attributes: Attributes::new(),
            content: Some(Whole(text.into())),
        }
    }

    fn merge(parents: Vec<usize>, time: Option<Timestamp>) -> Self {
        Self {
            kind: StepKind::Merge,
            parents,
            source: None,
            time,
            attributes: Attributes::new(),
            content: None,
        }
    }

    /// The step without its content. `hashes` gives the `root_hash` of the earlier step with this index.
    pub fn draft(&self, mut hashes: impl FnMut(usize) -> Blake3Hash) -> StepDraft {
        let parents: Vec<Blake3Hash> = self.parents.iter().map(|at| hashes(*at)).collect();
        let mut draft = StepDraft::new(self.kind.clone()).parents(parents);
        if let Some(source) = self.source {
            draft = draft.source(source);
        }
        for (name, value) in &self.attributes {
            draft = draft.attribute(name, value);
        }
        draft
    }
}

/// Puts steps behind one another, with the merges that they need.
#[derive(Debug, Default)]
pub(crate) struct Planner<'a> {
    steps: Vec<Planned<'a>>,
    /// Where the span or line of a number stands among the steps.
    places: Vec<usize>,
    /// Shared merges by level and number: level *l* number *i* is of the spans from `i · 32^l` on.
    shared: HashMap<(u32, usize), usize>,
}

impl<'a> Planner<'a> {
    /// A step that is no span or line of its own and that nothing derives from.
    pub(crate) fn remark(&mut self, step: Planned<'a>) {
        self.steps.push(step);
    }

    /// The next span or line, which derives from a run of earlier ones and from some more.
    pub(crate) fn take(&mut self, mut step: Planned<'a>, run: Range<usize>, more: &[usize]) {
        let time = step.time;
        let mut parents = self.run(run, time);
        parents.extend(more.iter().map(|number| self.places[*number]));
        step.parents = self.squeezed(parents, time);
        self.places.push(self.steps.len());
        self.steps.push(step);
    }

    fn run(&mut self, run: Range<usize>, time: Option<Timestamp>) -> Vec<usize> {
        let (mut from, mut until, mut level) = (run.start, run.end, 0);
        let mut parents = Vec::new();
        while from < until {
            while from < until && !from.is_multiple_of(BLOCK) {
                parents.push(self.block(level, from, time));
                from += 1;
            }
            while from < until && !until.is_multiple_of(BLOCK) {
                until -= 1;
                parents.push(self.block(level, until, time));
            }
            (from, until, level) = (from / BLOCK, until / BLOCK, level + 1);
        }
        parents
    }

    /// The step that stands for a block of spans, made when it is needed first.
    fn block(&mut self, level: u32, number: usize, time: Option<Timestamp>) -> usize {
        if level == 0 {
            return self.places[number];
        }
        if let Some(step) = self.shared.get(&(level, number)) {
            return *step;
        }
        let of = number * BLOCK..(number + 1) * BLOCK;
        let parents = of.map(|below| self.block(level - 1, below, time)).collect();
        let step = self.merge(parents, time);
        self.shared.insert((level, number), step);
        step
    }

    fn merge(&mut self, mut parents: Vec<usize>, time: Option<Timestamp>) -> usize {
        parents.sort_unstable();
        self.steps.push(Planned::merge(parents, time));
        self.steps.len() - 1
    }

    /// The parents in order, each once, and not more than a step may have.
    fn squeezed(&mut self, mut parents: Vec<usize>, time: Option<Timestamp>) -> Vec<usize> {
        parents.sort_unstable();
        parents.dedup();
        while parents.len() > MAX_DERIVED {
            let groups: Vec<Vec<usize>> = parents.chunks(MAX_DERIVED).map(<[_]>::to_vec).collect();
            parents = groups
                .into_iter()
                .map(|group| match group.as_slice() {
                    [only] => *only,
                    _ => self.merge(group, time),
                })
                .collect();
            parents.sort_unstable();
        }
        parents
    }

    pub(crate) fn trace(
        self,
        id: Option<String>,
        began: Option<Timestamp>,
    ) -> Result<Trace<'a>, ReadError> {
        if self.steps.len() as u64 > MAX_STEPS {
            return Err(ReadError::TooManySteps {
                steps: self.steps.len(),
            });
        }
        Ok(Trace {
            id,
            began,
            steps: self.steps,
        })
    }
}

impl Trace<'_> {
    /// SHA-256 over all that is planned: a later run whose plan has the same one records the same steps.
    #[must_use]
    pub fn fingerprint(&self, sealed: bool) -> Sha256Text {
        use std::fmt::Write as _;
        let mut plan = format!("quorate/import/v1 sealed {sealed}\n");
        for step in &self.steps {
            let content = step
                .content
                .as_ref()
                .map(|content| content.hashed().0.to_string());
            let said = (
                &step.kind,
                &step.parents,
                step.source,
                step.time,
                &step.attributes,
                content,
            );
            // Debug escapes whatever could end a line or a member.
            let _infallible = writeln!(plan, "{said:?}");
        }
        quorate_verify::bundle::payload_hash(plan.as_bytes())
    }
}
