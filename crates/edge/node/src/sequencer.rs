//! One thread per scroll: takes what callers prepared, commits it in groups, and only then answers (R2).
//!
//! The queue is bounded in requests and in bytes; when it is full the caller is told so (429) and nothing
//! was taken. A commit of which nothing was written is refused and the next may succeed; if the outcome is not
//! known, the sequencer stops for good and the process is told to end: it never guesses.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use quorate_store::{Batch, CommitError, PreparedEntry, Writer};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch};

use crate::tasks::words;
use crate::waiting::{Progress, Refusal};

/// Requests that may wait for one scroll.
pub(crate) const QUEUE_REQUESTS: usize = 8192;
/// Bytes of entries that may wait for one scroll: four batches, or one of the largest requests.
pub(crate) const QUEUE_BYTES: usize = 4 * BATCH_BYTES;
/// A group commit takes no further request once it holds this many bytes. A commit holds its entries once more
/// as the record's bytes, in a buffer that the store keeps up to this size; two syncs of a disk cost little
/// beside writing so much. With the largest request on top it stays below the store's limit.
pub(crate) const BATCH_BYTES: usize = 8 * 1024 * 1024;
/// The largest request.
pub(crate) const REQUEST_BYTES: usize = 31 * 1024 * 1024;
/// A group commit takes no further request once it holds this many entries.
pub(crate) const BATCH_ENTRIES: usize = 262_144;

const _: () = assert!(REQUEST_BYTES <= QUEUE_BYTES, "every request must find room");
const _: () = assert!(BATCH_BYTES + REQUEST_BYTES <= quorate_store::MAX_BATCH_BYTES);

/// What one request appends, all or nothing, at consecutive indices.
#[derive(Debug)]
pub(crate) struct Append {
    /// The entries, in order.
    pub entries: Vec<PreparedEntry>,
    /// Input cursors sealed together with them.
    pub cursors: Vec<(String, Vec<u8>)>,
}

impl Append {
    /// One entry, no cursors.
    #[must_use]
    pub(crate) fn one(entry: PreparedEntry) -> Self {
        Self {
            entries: vec![entry],
            cursors: Vec::new(),
        }
    }
}

/// An input that arrives in parts. Its lines are durable up to some line and not beyond it: once one part was
/// refused, those behind it are refused too, although they might be stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct Input {
    /// Set and read by the sequencer's thread only.
    refused: Arc<AtomicBool>,
}

impl Input {
    fn is_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }

    fn refuse(&self) {
        self.refused.store(true, Ordering::Relaxed);
    }
}

/// Where a durable append landed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    /// Index of the first entry.
    pub first_index: u64,
    /// Size of the tree after the group commit it was part of.
    pub size: u64,
}

/// Why an append was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The queue is full. Nothing was appended.
    #[error("the append queue is full")]
    Full,
    /// One request is larger than a group commit may be. Nothing was appended.
    #[error("the request is larger than {REQUEST_BYTES} bytes in the log")]
    TooLarge,
    /// The store took nothing of the group commit, for example because the disk is full. It goes on.
    #[error("nothing was appended: {0}")]
    Refused(String),
    /// The sequencer has stopped. Whether the append was recorded is not known.
    #[error("the scroll no longer appends")]
    Stopped,
}

/// Why a sequencer stopped for good. What it was committing may or may not be in the log.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum SequencerFailure {
    /// A commit whose outcome is not known.
    #[error(transparent)]
    Commit(CommitError),
    /// A bug.
    #[error("it ended in a bug: {0}")]
    Panicked(String),
}

type Replies = Vec<(
    usize,
    Option<Input>,
    oneshot::Sender<Result<Appended, AppendError>>,
    OwnedSemaphorePermit,
)>;

/// What a caller wants when the queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// To be told at once.
    Refuse,
    /// To wait: its own input then stops flowing, which is the pushback.
    Wait,
}

enum Message {
    Append(Job),
    /// Finish what is queued before this, then end.
    Stop,
}

struct Job {
    append: Append,
    /// What it is a part of, if it is one.
    input: Option<Input>,
    bytes: usize,
    /// The queue's bytes it occupies, given back when it is committed.
    room: OwnedSemaphorePermit,
    reply: oneshot::Sender<Result<Appended, AppendError>>,
}

/// The sending side: cheap to clone, one per caller.
#[derive(Debug, Clone)]
pub(crate) struct Sequencer {
    jobs: mpsc::Sender<Message>,
    room: Arc<Semaphore>,
    committed: watch::Receiver<u64>,
    progress: Arc<Progress>,
}

impl Sequencer {
    /// Starts the thread that owns `writer`. `on_failure` is called once if it stops for good.
    ///
    /// # Errors
    /// The environment's, if no thread can be started.
    pub(crate) fn start(
        name: &str,
        writer: Writer,
        clock: fn() -> i64,
        on_failure: impl FnOnce(SequencerFailure) + Send + 'static,
    ) -> std::io::Result<(Self, std::thread::JoinHandle<()>)> {
        let (jobs, mut queue) = mpsc::channel(QUEUE_REQUESTS);
        let (committed_tx, committed) = watch::channel(writer.size());
        let progress = Arc::new(Progress::starting(writer.size(), Instant::now()));
        let told = Arc::clone(&progress);
        let handle = std::thread::Builder::new()
            .name(format!("seq-{name}"))
            .spawn(move || {
                let mut replies = Replies::new();
                let work = || {
                    run(
                        writer,
                        &mut queue,
                        &mut replies,
                        &committed_tx,
                        &told,
                        clock,
                    )
                };
                match catch_unwind(AssertUnwindSafe(work)) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => on_failure(SequencerFailure::Commit(error)),
                    Err(panic) => on_failure(SequencerFailure::Panicked(words(&*panic))),
                }
                // Dropping the replies and the queue tells every waiting caller that nothing is known.
            })?;
        Ok((
            Self {
                jobs,
                room: Arc::new(Semaphore::new(QUEUE_BYTES)),
                committed,
                progress,
            },
            handle,
        ))
    }

    /// Follows the committed size.
    #[must_use]
    pub(crate) fn committed(&self) -> watch::Receiver<u64> {
        self.committed.clone()
    }

    /// What waits for a checkpoint or a quorum, and whether the disk takes anything.
    #[must_use]
    pub(crate) fn progress(&self) -> &Arc<Progress> {
        &self.progress
    }

    /// Requests and bytes waiting.
    #[must_use]
    pub(crate) fn backlog(&self) -> (usize, usize) {
        (
            QUEUE_REQUESTS - self.jobs.capacity(),
            QUEUE_BYTES - self.room.available_permits(),
        )
    }

    /// Puts an append into the queue; what it answers resolves when the entries are durable. Appends of one
    /// caller are committed in the order in which this returned.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub(crate) async fn enqueue(
        &self,
        append: Append,
        patience: Patience,
    ) -> Result<Pending, AppendError> {
        self.enqueue_part(append, None, patience).await
    }

    /// As [`Sequencer::enqueue`]; a part of an input is refused when one before it was.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub(crate) async fn enqueue_part(
        &self,
        append: Append,
        input: Option<Input>,
        patience: Patience,
    ) -> Result<Pending, AppendError> {
        let bytes = size_of_append(&append);
        if bytes > REQUEST_BYTES {
            return Err(AppendError::TooLarge);
        }
        let wanted = u32::try_from(bytes).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room);
        let (permit, room) = match patience {
            Patience::Wait => (
                self.jobs
                    .reserve()
                    .await
                    .map_err(|_| AppendError::Stopped)?,
                room.acquire_many_owned(wanted)
                    .await
                    .map_err(|_| AppendError::Stopped)?,
            ),
            Patience::Refuse => (
                self.jobs.try_reserve().map_err(|e| match e {
                    mpsc::error::TrySendError::Full(()) => AppendError::Full,
                    mpsc::error::TrySendError::Closed(()) => AppendError::Stopped,
                })?,
                room.try_acquire_many_owned(wanted).map_err(|e| match e {
                    TryAcquireError::NoPermits => AppendError::Full,
                    TryAcquireError::Closed => AppendError::Stopped,
                })?,
            ),
        };
        let (reply, answer) = oneshot::channel();
        permit.send(Message::Append(Job {
            append,
            input,
            bytes,
            room,
            reply,
        }));
        Ok(Pending(answer))
    }

    /// Ends the thread once it has committed what is queued. May block until there is room in the queue.
    pub(crate) fn stop(&self) {
        let _ended_already = self.jobs.blocking_send(Message::Stop);
    }

    /// Appends, or says at once that the queue is full. Returns when the entries are durable.
    ///
    /// # Errors
    /// See [`AppendError`].
    pub(crate) async fn append(&self, append: Append) -> Result<Appended, AppendError> {
        self.enqueue(append, Patience::Refuse)
            .await?
            .durable()
            .await
    }
}

/// An append in the queue.
#[derive(Debug)]
pub(crate) struct Pending(oneshot::Receiver<Result<Appended, AppendError>>);

impl Pending {
    /// Waits until it is durable.
    ///
    /// # Errors
    /// [`AppendError::Refused`]: nothing was appended. [`AppendError::Stopped`]: whether it was recorded is
    /// not known.
    pub(crate) async fn durable(self) -> Result<Appended, AppendError> {
        self.0.await.unwrap_or(Err(AppendError::Stopped))
    }
}

fn size_of_append(append: &Append) -> usize {
    append.entries.iter().map(size_of_entry).sum()
}

/// What an entry counts in a request and in the queue.
pub(crate) fn size_of_entry(entry: &PreparedEntry) -> usize {
    entry.bytes().len() + 64
}

/// Commits until it is told to stop.
///
/// # Errors
/// The commit after which nothing more may be appended.
fn run(
    mut writer: Writer,
    queue: &mut mpsc::Receiver<Message>,
    replies: &mut Replies,
    committed: &watch::Sender<u64>,
    progress: &Progress,
    clock: fn() -> i64,
) -> Result<(), CommitError> {
    let mut stopping = false;
    while !stopping && let Some(first) = queue.blocking_recv() {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let mut next = Some(first);
        while let Some(message) = next.take() {
            let Message::Append(job) = message else {
                stopping = true;
                break;
            };
            if job.input.as_ref().is_some_and(Input::is_refused) {
                let why = "an earlier part of the same input was refused".to_owned();
                let _gone = job.reply.send(Err(AppendError::Refused(why)));
                next = queue.try_recv().ok();
                continue;
            }
            bytes += job.bytes;
            replies.push((job.append.entries.len(), job.input, job.reply, job.room));
            batch.cursors.extend(job.append.cursors);
            if batch.entries.is_empty() {
                batch.entries = job.append.entries;
            } else {
                batch.entries.extend(job.append.entries);
            }
            if bytes < BATCH_BYTES && batch.entries.len() < BATCH_ENTRIES {
                next = queue.try_recv().ok();
            }
        }
        batch.at = clock();
        match writer.commit(batch) {
            Ok(commit) => {
                let mut index = commit.first_index;
                progress.committed(commit.size, Instant::now());
                committed.send_replace(commit.size);
                for (count, _input, reply, _room) in replies.drain(..) {
                    // A caller that went away does not undo what is durable.
                    let _gone = reply.send(Ok(Appended {
                        first_index: index,
                        size: commit.size,
                    }));
                    index += count as u64;
                }
            }
            Err(error @ (CommitError::Uncertain(_) | CommitError::Stopped)) => return Err(error),
            Err(error) => {
                tracing::error!(%error, "a group commit was refused; nothing of it is in the log");
                match &error {
                    CommitError::Disk(_) => progress.refused(Refusal::Disk(error.to_string())),
                    CommitError::ScrollFull | CommitError::Maintenance(_) => {
                        progress.refused(Refusal::Lasting(error.to_string()));
                    }
                    // What was in it is at fault.
                    _ => {}
                }
                for (_, input, reply, _room) in replies.drain(..) {
                    input.iter().for_each(Input::refuse);
                    let _gone = reply.send(Err(AppendError::Refused(error.to_string())));
                }
            }
        }
    }
    if let Err(error) = writer.close() {
        tracing::warn!(%error, "no snapshot was left behind; the next start takes longer");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicUsize;

    use axum::response::IntoResponse as _;
    use quorate_store::{
        Disk, EntryKeys, Kind, Opaque, OpenOptions, OsDisk, Scroll, ScrollSpec, Visibility,
    };

    use quorate_testkit::disk::{FakeDisk, Fault};

    use super::*;
    use crate::api::ApiError;

    /// While a test holds this, the sequencer waits for the time of its group commit.
    static GATE: Mutex<()> = Mutex::new(());

    /// Set when a group commit has taken what it will take.
    static AT_THE_GATE: AtomicBool = AtomicBool::new(false);

    fn gated_clock() -> i64 {
        AT_THE_GATE.store(true, Ordering::SeqCst);
        drop(GATE.lock());
        0
    }

    fn writer(dir: &std::path::Path) -> Writer {
        writer_on(Arc::new(OsDisk), dir)
    }

    fn writer_on(disk: Arc<dyn Disk>, dir: &std::path::Path) -> Writer {
        let spec = ScrollSpec {
            name: "A".to_owned(),
            kind: Kind::Raw,
            visibility: Visibility::Public,
            origin: "example.org/A".to_owned(),
            created_at: "2026-11-20T12:00:00Z".to_owned(),
        };
        Scroll::create(&disk, dir, &spec).unwrap();
        let (scroll, _) =
            Scroll::open(&disk, dir, Arc::new(Opaque), &OpenOptions::default()).unwrap();
        scroll.split().0
    }

    fn entry(byte: u8, length: usize) -> Append {
        Append::one(PreparedEntry::new(vec![byte; length], EntryKeys::default()).unwrap())
    }

    fn broken_clock() -> i64 {
        panic!("a bug in the clock")
    }

    /// Commits begun by the test below, and what its first one waits for.
    static COMMITS: AtomicUsize = AtomicUsize::new(0);
    static FIRST_COMMIT: Mutex<()> = Mutex::new(());

    fn counting_clock() -> i64 {
        COMMITS.fetch_add(1, Ordering::SeqCst);
        drop(FIRST_COMMIT.lock());
        0
    }

    #[tokio::test]
    #[expect(
        clippy::await_holding_lock,
        reason = "the lock holds the sequencer's thread, which awaits nothing"
    )]
    async fn a_group_commit_takes_no_more_than_its_bytes() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir.path().join("a"));
        let failed = |e| panic!("{e}");
        let (sequencer, thread) = Sequencer::start("a", writer, counting_clock, failed).unwrap();
        let gate = FIRST_COMMIT.lock().unwrap();
        let first = entry(0, 1);
        let mut pending = vec![sequencer.enqueue(first, Patience::Refuse).await.unwrap()];
        while COMMITS.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        // Each is half of a group commit.
        let half = BATCH_BYTES / 2 / (60_000 + 64) + 1;
        for _ in 0..6 {
            let entries = (0..half).flat_map(|_| entry(1, 60_000).entries).collect();
            let append = Append {
                entries,
                cursors: Vec::new(),
            };
            pending.push(sequencer.enqueue(append, Patience::Refuse).await.unwrap());
        }
        drop(gate);
        for pending in pending {
            pending.durable().await.unwrap();
        }
        assert_eq!(COMMITS.load(Ordering::SeqCst), 1 + 3);
        tokio::task::spawn_blocking(move || sequencer.stop())
            .await
            .unwrap();
        thread.join().unwrap();
    }

    #[tokio::test]
    async fn a_panic_of_the_sequencer_is_its_failure_and_promises_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let writer = writer(&dir.path().join("a"));
        let (failed, failure) = oneshot::channel();
        let (sequencer, thread) = Sequencer::start("a", writer, broken_clock, move |error| {
            failed.send(error.to_string()).unwrap();
        })
        .unwrap();
        let refused = sequencer.append(entry(0, 1)).await;
        assert_eq!(refused, Err(AppendError::Stopped));
        assert_eq!(
            failure.await.unwrap(),
            "it ended in a bug: a bug in the clock"
        );
        let refused = sequencer.append(entry(0, 1)).await;
        assert_eq!(refused, Err(AppendError::Stopped));
        thread.join().unwrap();
    }

    #[tokio::test]
    #[expect(
        clippy::await_holding_lock,
        reason = "the gate holds the sequencer's thread, which awaits nothing"
    )]
    async fn a_full_queue_pushes_back() {
        let dir = tempfile::tempdir().unwrap();
        let (sequencer, thread) =
            Sequencer::start("a", writer(&dir.path().join("a")), gated_clock, |e| {
                panic!("{e}")
            })
            .unwrap();
        let gate = GATE.lock().unwrap();
        let mut pending = vec![
            sequencer
                .enqueue(entry(0, 1), Patience::Refuse)
                .await
                .unwrap(),
        ];
        while !AT_THE_GATE.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        for _ in 0..QUEUE_REQUESTS {
            pending.push(
                sequencer
                    .enqueue(entry(1, 1), Patience::Refuse)
                    .await
                    .unwrap(),
            );
        }
        let refused = sequencer
            .enqueue(entry(2, 1), Patience::Refuse)
            .await
            .unwrap_err();
        assert_eq!(refused, AppendError::Full);
        let answer = ApiError::from(refused).into_response();
        assert_eq!(answer.status(), 429);
        assert!(answer.headers().contains_key("retry-after"));
        drop(gate);
        for (index, pending) in pending.into_iter().enumerate() {
            assert_eq!(
                pending.durable().await.unwrap().first_index,
                index as u64,
                "order is kept"
            );
        }
        assert_eq!(
            *sequencer.committed().borrow(),
            QUEUE_REQUESTS as u64 + 1,
            "what was refused was not appended"
        );
        tokio::task::spawn_blocking(move || sequencer.stop())
            .await
            .unwrap();
        thread.join().unwrap();
    }

    #[tokio::test]
    #[expect(
        clippy::await_holding_lock,
        reason = "the gate holds the sequencer's thread, which awaits nothing"
    )]
    async fn behind_a_refused_part_of_an_input_no_other_part_is_stored() {
        static GATE: Mutex<()> = Mutex::new(());
        static AT_THE_GATE: AtomicBool = AtomicBool::new(false);
        fn clock() -> i64 {
            AT_THE_GATE.store(true, Ordering::SeqCst);
            drop(GATE.lock());
            0
        }
        let disk = FakeDisk::new();
        let writer = writer_on(Arc::new(disk.clone()), std::path::Path::new("data/a"));
        let (sequencer, thread) = Sequencer::start("a", writer, clock, |e| panic!("{e}")).unwrap();
        let input = Input::default();
        let part =
            |byte| sequencer.enqueue_part(entry(byte, 1), Some(input.clone()), Patience::Wait);
        let gate = GATE.lock().unwrap();
        let first = part(0).await.unwrap();
        while !AT_THE_GATE.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
        // These miss the group commit of the first, and the disk has room for them.
        let (second, third) = (part(1).await.unwrap(), part(2).await.unwrap());
        let other = sequencer
            .enqueue(entry(9, 1), Patience::Wait)
            .await
            .unwrap();
        disk.fail_at(0, Fault::Before);
        drop(gate);
        for refused in [first, second, third] {
            let refused = refused.durable().await;
            assert!(
                matches!(refused, Err(AppendError::Refused(_))),
                "{refused:?}"
            );
        }
        assert!(disk.failed().is_some());
        let stored = other.durable().await.unwrap();
        assert_eq!((stored.first_index, stored.size), (0, 1));
        tokio::task::spawn_blocking(move || sequencer.stop())
            .await
            .unwrap();
        thread.join().unwrap();
    }
}
