//! One UDP socket, one endpoint, and nobody to ask.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use iroh::endpoint::{Connection, IdleTimeout, QuicTransportConfig, presets};
use iroh::{Endpoint, EndpointAddr, RelayMode, SecretKey};
use tokio::time::timeout;

use crate::error::{Cause, Error};

/// A peer that says nothing at all for so long is gone.
const IDLE: Duration = Duration::from_secs(10);
const KEEP_ALIVE: Duration = Duration::from_secs(3);
/// Requests that a peer may have under way on one connection.
const STREAMS: u32 = 16;
/// How long a peer may take to answer at all.
const ANSWER: Duration = Duration::from_secs(15);

/// Listens on exactly one address. `presets::Minimal` has no relay and no address lookup; the port mapper is not built.
/// `Endpoint::online` would wait for a relay forever and is never awaited.
pub(crate) async fn endpoint(
    address: SocketAddr,
    key: Option<SecretKey>,
) -> Result<Endpoint, Error> {
    let failed = |source: Cause| Error::Bind { address, source };
    let idle = IdleTimeout::try_from(IDLE).map_err(|e| failed(e.into()))?;
    let transport = QuicTransportConfig::builder()
        .max_idle_timeout(Some(idle))
        .keep_alive_interval(KEEP_ALIVE)
        .max_concurrent_bidi_streams(STREAMS.into())
        .build();
    let mut builder = Endpoint::builder(presets::Minimal)
        .relay_mode(RelayMode::Disabled)
        .transport_config(transport)
        .clear_ip_transports()
        .bind_addr(address)
        .map_err(|e| failed(e.into()))?;
    if let Some(key) = key {
        builder = builder.secret_key(key);
    }
    builder.bind().await.map_err(|e| failed(e.into()))
}

pub(crate) async fn connect(
    endpoint: &Endpoint,
    address: EndpointAddr,
    alpn: &[u8],
) -> Result<Connection, Error> {
    let connected = timeout(ANSWER, endpoint.connect(address, alpn)).await;
    let connected = connected.map_err(|e| Error::Unreachable(e.into()))?;
    connected.map_err(|e| Error::Unreachable(e.into()))
}

/// Where to send from, to reach addresses: only on this machine, if they are all on this machine.
pub(crate) fn local_for(addresses: impl Iterator<Item = SocketAddr>) -> SocketAddr {
    // With addresses of both families the endpoint is reached by the older one.
    let (loopback, four) = addresses.fold((true, false), |(loopback, four), a| {
        (loopback && a.ip().is_loopback(), four || a.is_ipv4())
    });
    let ip: IpAddr = match (four, loopback) {
        (true, true) => Ipv4Addr::LOCALHOST.into(),
        (true, false) => Ipv4Addr::UNSPECIFIED.into(),
        (false, true) => Ipv6Addr::LOCALHOST.into(),
        (false, false) => Ipv6Addr::UNSPECIFIED.into(),
    };
    SocketAddr::new(ip, 0)
}
