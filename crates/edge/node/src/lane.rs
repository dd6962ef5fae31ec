//! What callers may take of the node at once: memory for the bodies of their requests, and threads for what
//! waits for the disk.
//!
//! There are two lanes. Whatever comes over TCP shares one, so that no number of callers exhausts the memory or
//! the threads that signing needs too; the operator's socket has one of its own, so that they cannot lock the
//! operator out either.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use futures_util::StreamExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::api::{ApiError, App, MAX_BODY};

/// Bytes of bodies, and of what is made of them, in memory at once for everything that comes over TCP: four of
/// the largest bodies, 256 MiB.
const NETWORK_BODIES: usize = 4 * MAX_BODY;
/// The same for the operator's socket: two of the largest, 128 MiB.
const OPERATOR_BODIES: usize = 2 * MAX_BODY;
/// Jobs of callers over TCP that wait for the disk at once; further ones wait their turn. Far below the 512
/// threads that the runtime keeps for such work.
const NETWORK_JOBS: usize = 64;
/// The same for the operator's socket.
const OPERATOR_JOBS: usize = 16;
/// A body that has not arrived whole by then gives its room back: 64 MiB at 220 kB/s.
const BODY_TIME: Duration = Duration::from_secs(300);
/// A stream that finds no room for a line it has begun waits this long.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lanes of a node.
#[derive(Debug)]
pub(crate) struct Lanes {
    /// Everything that comes over TCP.
    pub(crate) network: Lane,
    /// The operator's socket, and calls from within the process.
    pub(crate) operator: Lane,
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            network: Lane::new(NETWORK_BODIES, NETWORK_JOBS, BODY_TIME, PATIENCE),
            operator: Lane::new(OPERATOR_BODIES, OPERATOR_JOBS, BODY_TIME, PATIENCE),
        }
    }
}

/// One lane; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    bodies: Arc<Semaphore>,
    jobs: Arc<Semaphore>,
    body_time: Duration,
    patience: Duration,
}

impl Lane {
    pub(crate) fn new(bodies: usize, jobs: usize, body_time: Duration, patience: Duration) -> Self {
        Self {
            bodies: Arc::new(Semaphore::new(bodies)),
            jobs: Arc::new(Semaphore::new(jobs)),
            body_time,
            patience,
        }
    }

    /// Does what may wait for the disk, or takes long, where it holds up nobody else. Once begun, the work is
    /// carried to its end whoever goes away.
    ///
    /// # Errors
    /// The work's; 500 if it ended in a bug.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        let turn = Arc::clone(&self.jobs).acquire_owned().await;
        let turn = turn.map_err(|_| ApiError::stopped())?;
        let job = tokio::task::spawn_blocking(move || {
            let _until_the_end = turn;
            work()
        });
        job.await.map_err(|e| {
            if e.is_panic() {
                ApiError::internal("this call ended in a bug; the node's log says where")
            } else {
                ApiError::stopped()
            }
        })?
    }

    /// How long a body, or a line of a stream, may take to arrive whole.
    pub(crate) fn body_time(&self) -> Duration {
        self.body_time
    }

    /// Room for nothing yet.
    pub(crate) fn room(&self) -> Room {
        Room {
            lane: self.clone(),
            taken: None,
        }
    }

    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.bodies.available_permits()
    }

    /// Takes everything but `free` bytes.
    #[cfg(test)]
    pub(crate) fn crowd(&self, free: usize) -> Room {
        let mut room = self.room();
        room.grow(self.free() - free).unwrap();
        room
    }

    /// Reads a whole body. Room is taken as it arrives, so that a length that is only claimed takes none.
    ///
    /// # Errors
    /// 413, 408 or 429; nothing was appended.
    pub(crate) async fn whole(&self, body: Body) -> Result<Whole, ApiError> {
        self.at_most(MAX_BODY, body).await
    }

    /// Reads a whole body of at most `limit` bytes.
    ///
    /// # Errors
    /// As [`whole`](Self::whole).
    pub(crate) async fn at_most(&self, limit: usize, body: Body) -> Result<Whole, ApiError> {
        match tokio::time::timeout(self.body_time, self.collect(limit, body)).await {
            Ok(collected) => collected,
            Err(_) => Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "too-slow",
                format!(
                    "the body did not arrive within {} s; nothing was appended",
                    self.body_time.as_secs()
                ),
                "send less at once, or an NDJSON stream (Content-Type: application/x-ndjson), which may take any time",
            )),
        }
    }

    async fn collect(&self, limit: usize, body: Body) -> Result<Whole, ApiError> {
        let (mut room, mut bytes) = (self.room(), Vec::new());
        let mut frames = body.into_data_stream();
        while let Some(frame) = frames.next().await {
            let frame = frame.map_err(|_| {
                ApiError::bad_request(
                    "broken-off",
                    "the body did not arrive whole; nothing was appended",
                    "send it again",
                )
            })?;
            if bytes.len() + frame.len() > limit {
                return Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too-large",
                    format!("the body is over {limit} bytes; nothing was appended"),
                    "send many receipts as an NDJSON stream (Content-Type: application/x-ndjson)",
                ));
            }
            room.grow(frame.len())?;
            bytes.extend_from_slice(&frame);
        }
        Ok(Whole { bytes, room })
    }
}

/// Bytes of a lane that are taken; dropping it gives them back.
#[derive(Debug)]
pub(crate) struct Room {
    lane: Lane,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.taken
            .as_ref()
            .map_or(0, OwnedSemaphorePermit::num_permits)
    }

    /// Takes more, or nothing.
    ///
    /// # Errors
    /// 429 when the lane has no more.
    pub(crate) fn grow(&mut self, bytes: usize) -> Result<(), ApiError> {
        let bodies = Arc::clone(&self.lane.bodies);
        let more = bodies
            .try_acquire_many_owned(permits(bytes))
            .map_err(|_| ApiError::crowded())?;
        self.add(more);
        Ok(())
    }

    /// Takes more, waiting a while for others to give back. Giving up the wait loses nothing.
    ///
    /// # Errors
    /// 429 when there was none in time.
    pub(crate) async fn grow_patiently(&mut self, bytes: usize) -> Result<(), ApiError> {
        let bodies = Arc::clone(&self.lane.bodies);
        let more = bodies.acquire_many_owned(permits(bytes));
        match tokio::time::timeout(self.lane.patience, more).await {
            Ok(Ok(more)) => {
                self.add(more);
                Ok(())
            }
            _ => Err(ApiError::crowded()),
        }
    }

    fn add(&mut self, more: OwnedSemaphorePermit) {
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            None => self.taken = Some(more),
        }
    }

    /// Splits off room for `bytes`, or all there is.
    pub(crate) fn split(&mut self, bytes: usize) -> Self {
        let bytes = bytes.min(self.bytes());
        Self {
            lane: self.lane.clone(),
            taken: self.taken.as_mut().and_then(|t| t.split(bytes)),
        }
    }
}

/// More than a lane has when it does not fit: such a request is refused like any other without room.
fn permits(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A whole request body of at most [`MAX_BODY`] bytes, with the room it takes.
#[derive(Debug)]
pub(crate) struct Whole {
    bytes: Vec<u8>,
    room: Room,
}

impl Whole {
    /// The bytes, and their room, which is to be kept as long as they or what is made of them are.
    pub(crate) fn into_parts(self) -> (Vec<u8>, Room) {
        (self.bytes, self.room)
    }
}

impl std::ops::Deref for Whole {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl FromRequest<App> for Whole {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Self, ApiError> {
        let lane = request.extensions().get::<Lane>();
        let lane = lane.unwrap_or(&app.lanes.network).clone();
        lane.whole(request.into_body()).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use axum::http::Request;
    use tower::ServiceExt as _;

    use super::*;
    use crate::testing::{Network, close, node};

    fn lane(bodies: usize) -> Lane {
        Lane::new(
            bodies,
            2,
            Duration::from_secs(3600),
            Duration::from_millis(1),
        )
    }

    #[tokio::test]
    async fn room_is_taken_as_a_body_arrives_and_given_back_when_it_is_dropped() {
        let lane = lane(100);
        let whole = lane.whole(Body::from(vec![7; 60])).await.unwrap();
        assert_eq!((&*whole, whole.room.bytes()), (&[7; 60][..], 60));
        let refused = lane.whole(Body::from(vec![7; 41])).await.unwrap_err();
        assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
        drop(whole);
        lane.whole(Body::from(vec![7; 100])).await.unwrap();
        assert_eq!(lane.free(), 100);
    }

    #[tokio::test]
    async fn a_body_that_stalls_gives_its_room_back() {
        let lane = Lane::new(100, 1, Duration::from_millis(1), Duration::ZERO);
        let begun = futures_util::stream::iter([Ok::<_, std::io::Error>(vec![7; 60])]);
        let body = Body::from_stream(begun.chain(futures_util::stream::pending()));
        let error = lane.whole(body).await.unwrap_err();
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
        assert_eq!(lane.free(), 100);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn only_so_many_jobs_wait_for_the_disk_at_once() {
        let lane = lane(0);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..16)
            .map(|_| {
                let (running, most, lane) = (Arc::clone(&running), Arc::clone(&most), lane.clone());
                let job = move || {
                    most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    std::thread::sleep(Duration::from_millis(5));
                    running.fetch_sub(1, Ordering::SeqCst);
                    Ok(())
                };
                tokio::spawn(async move { lane.blocking(job).await })
            })
            .collect();
        for job in jobs {
            job.await.unwrap().unwrap();
        }
        assert!(most.load(Ordering::SeqCst) <= 2);
    }

    #[tokio::test]
    async fn a_job_that_ends_in_a_bug_is_an_answer_and_gives_its_turn_back() {
        let lane = lane(0);
        for _ in 0..3 {
            let error = lane.blocking(|| -> Result<(), _> { panic!("a bug") }).await;
            let status = error.unwrap_err().status();
            assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        }
    }

    #[tokio::test]
    async fn split_room_is_given_back_part_by_part() {
        let lane = lane(100);
        let mut room = lane.room();
        room.grow(80).unwrap();
        let part = room.split(30);
        assert_eq!((part.bytes(), room.bytes()), (30, 50));
        assert!(room.grow_patiently(21).await.is_err());
        drop(part);
        room.grow_patiently(50).await.unwrap();
        assert_eq!(room.split(1000).bytes(), 100);
        assert_eq!(lane.free(), 100);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn writers_beyond_the_memory_for_bodies_are_pushed_back_and_the_operator_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let network = Network::new(&node);
        let made = network.post("/scrolls", r#"{"name":"A"}"#).await;
        assert_eq!(made.status, StatusCode::CREATED);
        let lane = &node.inner.lanes.network;
        let before = lane.free();
        let crowd = lane.crowd(10);
        let one = r#"{"type":"x"}"#;
        let many = format!("[{}]", [one; 20].join(","));
        for (path, kind, body) in [
            ("/scrolls/A/receipts", "application/json", one),
            ("/scrolls/A/receipts", "application/json", &many),
            ("/scrolls/A/sealed", "", "more than ten bytes"),
        ] {
            let answer = network.call("POST", path, kind, body.to_owned()).await;
            assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
            assert!(answer.headers.contains_key("retry-after"));
        }
        assert_eq!(node.inner.scroll("A").unwrap().reader().size(), 0);
        let request = Request::post("/scrolls/A/receipts").body(Body::from(one));
        let operator = node.api().call(request.unwrap()).await;
        assert_eq!(operator.status(), StatusCode::OK);
        drop(crowd);
        // The text of the array has room, what is made of it has not.
        let crowd = lane.crowd(many.len() + 100);
        let answer = network.post("/scrolls/A/receipts", many.clone()).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(node.inner.scroll("A").unwrap().reader().size(), 1);
        drop(crowd);
        let answer = network.post("/scrolls/A/receipts", many).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(node.inner.lanes.network.free(), before);
        close(node).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_body_of_a_caller_without_credentials_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let node = node(dir.path()).await;
        let read = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&read);
        let body = Body::from_stream(futures_util::stream::once(async move {
            seen.store(true, Ordering::SeqCst);
            Ok::<_, std::io::Error>("{}")
        }));
        let request = Request::post("/tokens")
            .header("host", "localhost")
            .header("cookie", "quorate_session=made-up")
            .body(body);
        let router = crate::api::router(Arc::clone(&node.inner));
        let answer = router.oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
        assert!(!read.load(Ordering::SeqCst));
        close(node).await;
    }
}
