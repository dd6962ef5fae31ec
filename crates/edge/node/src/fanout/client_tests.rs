//! What a witness may answer, and what of it counts.

use std::sync::atomic::Ordering;
use std::time::Duration;

use quorate_note::CosignSigner;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::client::{Answer, Client, Limits, SubmitError};
use super::remote::Remote;
use super::testing::{
    Reply, Server, cosign, head, lines, policy, proof, reply, signed, signers, vkey,
};
use crate::outbound::AskError;
use crate::tls::TlsTrouble;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(60),
};

fn client() -> Client {
    Client::new(LIMITS, true).unwrap()
}

fn witness() -> [CosignSigner; 2] {
    signers("w.example", 7)
}

/// The witness with both its keys, at this address.
fn remote(server: &Server) -> Remote {
    let [ed, ml] = witness();
    let url = format!("http://{}/w", server.address);
    let text = format!(
        "witness ed {} {url}\nwitness ml {} {url}/\ngroup w any ed ml\nquorum w\n",
        vkey(&ed),
        vkey(&ml)
    );
    let mut remotes = Remote::of(policy(&text).witnesses()).unwrap();
    assert_eq!(remotes.len(), 1, "one request for both algorithms");
    remotes.remove(0)
}

/// The answer of a server that says this to the head of five leaves.
async fn answer(script: impl Fn() -> Reply + Send + Sync + 'static) -> Answer {
    let server = Server::start(move |_, _| script()).await;
    client()
        .submit(&remote(&server), 3, proof(3, 5), &head(5))
        .await
}

fn failure(answer: Answer) -> SubmitError {
    match answer {
        Answer::Failed(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn l30_a_request_is_what_tlog_witness_describes_and_carries_only_the_logs_lines() {
    let server = Server::start(|_, request| {
        lines(&witness().map(|w| cosign(&w, request.checkpoint(), super::testing::NOW)))
    })
    .await;
    let (client, remote) = (client(), remote(&server));
    let with_more = {
        let mut all = signed(5, "").note().signatures().to_vec();
        all.push(cosign(&signers("other.example", 9)[0], &signed(5, ""), 1));
        let checkpoint = signed(5, "").checkpoint_unverified().clone();
        let more = quorate_note::SignedCheckpoint::new(checkpoint, all).unwrap();
        more.verify_log(&[super::testing::log_key()]).unwrap()
    };
    let Answer::Cosigned(cosignatures) = client.submit(&remote, 3, proof(3, 5), &with_more).await
    else {
        panic!("not co-signed");
    };
    assert_eq!(cosignatures.len(), 2);
    let request = server.requests.lock().unwrap().remove(0);
    assert_eq!((request.old(), request.proof()), (3, &proof(3, 5)));
    assert_eq!(*request.checkpoint(), signed(5, ""), "L-34");
}

#[tokio::test]
async fn l33_one_connection_serves_many_requests() {
    let server =
        Server::start(|_, request| lines(&[cosign(&witness()[0], request.checkpoint(), 1)])).await;
    let (client, remote) = (client(), remote(&server));
    for size in 1..=5 {
        let answer = client
            .submit(&remote, size - 1, proof(size - 1, size), &head(size))
            .await;
        assert!(matches!(answer, Answer::Cosigned(_)), "{answer:?}");
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn each_status_has_its_outcome() {
    let size = "content-type: text/x.tlog.size\r\n";
    let conflict = answer(move || reply("409 Conflict", size, "17\n")).await;
    assert!(
        matches!(conflict, Answer::Conflict { size: 17 }),
        "{conflict:?}"
    );
    for (headers, body) in [
        ("content-type: text/plain\r\n", "17\n"),
        ("", "17\n"),
        (size, "17"),
        (size, "017\n"),
        (size, "x\n"),
        (size, ""),
    ] {
        let other = answer(move || reply("409 Conflict", headers, body)).await;
        assert!(
            matches!(other, Answer::Refused { status: 409, .. }),
            "{body:?}: {other:?}"
        );
    }
    for status in [400, 403, 404, 422] {
        let refused =
            answer(move || reply(&format!("{status} No"), "", "why\x1b[31m\nmore\n")).await;
        let Answer::Refused {
            status: found,
            reason,
        } = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!((found, reason.as_str()), (status, "why[31m"));
    }
    let busy = answer(|| reply("429 Slow", "retry-after: 30\r\n", "")).await;
    assert!(
        matches!(busy, Answer::Busy { wait: Some(w) } if w.as_secs() == 30),
        "{busy:?}"
    );
    let busy = answer(|| reply("503 Halted", "", "")).await;
    assert!(matches!(busy, Answer::Busy { wait: None }), "{busy:?}");
    for status in ["302 Found", "500 Oops", "201 Created"] {
        let other = failure(answer(move || reply(status, "location: /x\r\n", "")).await);
        assert!(matches!(other, SubmitError::Status(_)), "{other:?}");
    }
}

#[tokio::test]
async fn l32_only_cosignatures_over_what_was_sent_by_listed_keys_count() {
    let stranger = || signers("stranger.example", 9);
    // Lines by unknown keys are ignored, and are no answer by themselves.
    let none = answer(move || lines(&[cosign(&stranger()[0], &signed(5, ""), 1)])).await;
    assert!(matches!(failure(none), SubmitError::NoKnownKey));
    let both = answer(move || {
        lines(&[
            cosign(&stranger()[0], &signed(5, ""), 1),
            cosign(&witness()[0], &signed(5, ""), 1),
        ])
    })
    .await;
    assert!(matches!(both, Answer::Cosigned(c) if c.len() == 1));
    // Over another size, over another tree, with no time: each is a line for a known key that fails.
    for other in [signed(4, ""), signed(5, "fork")] {
        for key in [0, 1] {
            let other = other.clone();
            let forged = answer(move || lines(&[cosign(&witness()[key], &other, 1)])).await;
            assert!(matches!(failure(forged), SubmitError::Forged(_)));
        }
    }
    // One forged line spoils the good one beside it: something is wrong with this witness.
    let mixed = answer(|| {
        let [ed, ml] = witness();
        lines(&[
            cosign(&ed, &signed(5, ""), 1),
            cosign(&ml, &signed(4, ""), 1),
        ])
    })
    .await;
    assert!(matches!(failure(mixed), SubmitError::Forged(_)));
    // Another witness's key under this one's name.
    let renamed = answer(|| lines(&[cosign(&signers("w.example", 8)[0], &signed(5, ""), 1)])).await;
    assert!(matches!(failure(renamed), SubmitError::NoKnownKey));
}

#[tokio::test]
async fn l35_a_key_counts_once_however_many_lines_it_sends() {
    let twice = answer(|| {
        let ed = &witness()[0];
        lines(&[
            cosign(ed, &signed(5, ""), 1),
            cosign(ed, &signed(5, ""), 2),
            cosign(ed, &signed(5, ""), 2),
        ])
    })
    .await;
    let Answer::Cosigned(cosignatures) = twice else {
        panic!("{twice:?}");
    };
    assert_eq!(cosignatures.len(), 1);
    assert_eq!(cosignatures[0].timestamp(), 2);
}

#[tokio::test]
async fn answers_that_are_not_lines_are_refused() {
    let good = format!("{}\n", cosign(&witness()[0], &signed(5, ""), 1));
    for body in [
        String::new(),
        "\n".to_owned(),
        good.trim_end().to_owned(),
        format!("{good}\n"),
        format!("{good}hello\n"),
        good.replace('\n', "\r\n"),
        format!("{}{good}", signed(5, "")),
    ] {
        let sent = body.clone();
        let error = failure(answer(move || reply("200 OK", "", sent.clone())).await);
        let expected = matches!(error, SubmitError::NotLines | SubmitError::NotASignature(_));
        assert!(expected, "{body:?}: {error:?}");
    }
    let error = failure(answer(|| reply("200 OK", "", b"\xff\n")).await);
    assert!(matches!(error, SubmitError::NotLines));
}

#[tokio::test]
async fn an_answer_is_read_to_its_limit_and_no_further() {
    let good = || format!("{}\n", cosign(&witness()[0], &signed(5, ""), 1));
    let padded = move |size: usize| {
        let line = cosign(&signers("stranger.example", 9)[1], &signed(5, ""), 1);
        let mut body = good();
        while body.len() < size {
            body.push_str(&format!("{line}\n"));
        }
        reply("200 OK", "", body)
    };
    assert!(matches!(
        answer(move || padded(60_000)).await,
        Answer::Cosigned(_)
    ));
    let error = failure(answer(move || padded(65_537)).await);
    assert!(
        matches!(error, SubmitError::Ask(AskError::TooLong)),
        "{error:?}"
    );
    // One that never ends: no length, and no end.
    let endless =
        || Reply::Bytes([b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &[b'x'; 1 << 20]].concat());
    assert!(matches!(
        failure(answer(endless).await),
        SubmitError::Ask(AskError::TooLong)
    ));
    let cut = || Reply::Bytes(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nx".to_vec());
    let server = Server::start(move |_, _| cut()).await;
    let quick = Limits {
        answer: Duration::from_millis(50),
        ..LIMITS
    };
    let client = Client::new(quick, false).unwrap();
    let error = failure(
        client
            .submit(&remote(&server), 3, proof(3, 5), &head(5))
            .await,
    );
    assert!(
        matches!(error, SubmitError::Ask(AskError::TimedOut)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_witness_that_does_not_answer_costs_no_more_than_the_time_it_may_take() {
    let server = Server::start(|_, _| Reply::Nothing).await;
    let quick = Limits {
        answer: Duration::from_millis(50),
        ..LIMITS
    };
    let hasty = Client::new(quick, false).unwrap();
    let error = failure(
        hasty
            .submit(&remote(&server), 3, proof(3, 5), &head(5))
            .await,
    );
    assert!(
        matches!(error, SubmitError::Ask(AskError::TimedOut)),
        "{error:?}"
    );
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut server = server;
    server.address = gone;
    let error = failure(
        client()
            .submit(&remote(&server), 3, proof(3, 5), &head(5))
            .await,
    );
    assert!(
        matches!(error, SubmitError::Ask(AskError::Network(_))),
        "{error:?}"
    );
}

/// Nothing is sent in plain text to a host whose URL says `https`.
#[tokio::test]
async fn https_is_tls() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let first = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        let plain = b"HTTP/1.1 400 Bad Request\r\n\r\n";
        stream.write_all(plain).await.unwrap();
        (byte[0], stream)
    });
    let text = format!(
        "witness w {} https://{address}\nquorum w\n",
        vkey(&witness()[0])
    );
    let remote = Remote::of(policy(&text).witnesses()).unwrap().remove(0);
    let error = failure(client().submit(&remote, 3, proof(3, 5), &head(5)).await);
    let told = matches!(error, SubmitError::Ask(AskError::Tls(TlsTrouble::NotTls)));
    assert!(told, "{error:?}");
    assert_eq!(first.await.unwrap().0, 22, "a TLS handshake");
}
