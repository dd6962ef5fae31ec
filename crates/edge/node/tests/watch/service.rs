//! `watch::MonitorService`: logs beside one another, metrics, health, an orderly end.

use std::time::{Duration, Instant};

use quorate_node::watch::{Monitor, MonitorService};
use quorate_testkit::server::{Reply, Server};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use crate::rig::{Rig, history};

async fn get(address: std::net::SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: m\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_fails_holds_up_no_other_and_metrics_say_what_was_found() {
    let mut rig = Rig::new();
    let log = history("", 30, 30);
    rig.show(&log, 10);
    let failing = Server::start(|_| Reply::status(403, Vec::new()));
    rig.watch.logs.push(failing.url().parse().unwrap());
    let monitor = Monitor::open(rig.watch.clone()).unwrap();
    let any = "127.0.0.1:0".parse().unwrap();
    let service = MonitorService::bind(monitor, any, Duration::from_millis(20))
        .await
        .unwrap();
    let address = service.address().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(service.run(async move {
        let _either = stopped.await;
    }));
    let until = async |wanted: &str| {
        let begun = Instant::now();
        loop {
            let metrics = get(address, "/metrics").await;
            if metrics.lines().any(|line| line == wanted) {
                return metrics;
            }
            assert!(
                begun.elapsed() < Duration::from_secs(60),
                "{wanted}\n{metrics}"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (ours, theirs) = (rig.server.url(), failing.url());
    until(&format!("quorate_monitor_size{{url=\"{ours}\"}} 10")).await;
    until(&format!(
        "quorate_monitor_finding{{url=\"{theirs}\",finding=\"unreachable\"}} 1"
    ))
    .await;
    rig.show(&log, 20);
    let metrics = until(&format!(
        "quorate_monitor_remembered_size{{url=\"{ours}\"}} 20"
    ))
    .await;
    assert!(
        metrics.contains("# TYPE quorate_monitor_checks_total counter"),
        "{metrics}"
    );
    assert!(metrics.contains(&format!(
        "quorate_monitor_quorum_timestamp_seconds{{url=\"{ours}\"}} 1"
    )));
    let none = format!("quorate_monitor_finding{{url=\"{ours}\",finding=\"");
    assert!(
        metrics
            .lines()
            .filter(|l| l.starts_with(&none))
            .all(|l| l.ends_with(" 0")),
        "{metrics}"
    );
    rig.show(&log, 15);
    until(&format!(
        "quorate_monitor_finding{{url=\"{ours}\",finding=\"rollback\"}} 1"
    ))
    .await;
    until(&format!(
        "quorate_monitor_remembered_size{{url=\"{ours}\"}} 20"
    ))
    .await;

    // What is wrong with logs is not wrong with the monitor; a memory that fails is.
    assert!(get(address, "/healthz").await.starts_with("HTTP/1.1 200"));
    let records = rig.watch.state.join("places");
    for record in std::fs::read_dir(&records).unwrap() {
        std::fs::write(record.unwrap().path(), "{}").unwrap();
    }
    until(&format!(
        "quorate_monitor_finding{{url=\"{ours}\",finding=\"memory\"}} 1"
    ))
    .await;
    let health = get(address, "/healthz").await;
    assert!(
        health.starts_with("HTTP/1.1 503") && health.contains(&ours),
        "{health}"
    );

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).await.is_err());
    Monitor::open(rig.watch.clone()).unwrap();
}
