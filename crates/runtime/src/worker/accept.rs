//! Accepting connections: admission, handshake, identity, and only then a flow that the machine hears of.
//!
//! A connection that is not admitted is closed without a word, as every word would cost us more than it costs whoever
//! sends too many. One that fails its handshake gets its alert, and a moment to read it. Credentials are looked up for
//! each connection, so a reload holds from the next one on. The time for a handshake includes the wait for its hello.
//!
//! Bounds: see [`super::Limits`]; a failing `accept` is left alone for a moment rather than tried in a circle.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base::net::{Face, Link, Peer, Transport};
use logs::Direction;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::Plug;
use super::flow::Flow;
use super::gate::{Admission, Crowded};
use super::hub::Hub;
use super::listen::Security;
use super::refusal::Refused;
use super::wire::Wire;
use crate::proxy_header::{self, Header};
use crate::socket;
use crate::tls::session::{Choice, Session};
use crate::tls::told::Handshake;
use crate::tls::{Auth, Stranger, settle};

/// How long to leave accepting alone when it fails, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What holds for every connection of a listener.
#[derive(Clone, Debug)]
pub(crate) struct Door {
    pub(crate) face: Face,
    pub(crate) security: Security,
    pub(crate) idle: Duration,
    pub(crate) balancers: Vec<IpAddr>,
}

/// Accepts for ever.
pub(crate) async fn accept_for_ever<P: Plug>(hub: Rc<Hub<P>>, door: Door, listener: TcpListener) {
    let door = Rc::new(door);
    loop {
        match listener.accept().await {
            Ok((stream, remote)) if door.balancers.contains(&remote.ip()) => {
                let (hub, door) = (Rc::clone(&hub), Rc::clone(&door));
                let net = Rc::clone(&hub.net);
                net.spawn(async move { passed_on(&hub, &door, stream, remote).await });
            }
            Ok((stream, remote)) => welcome(&hub, &door, stream, remote),
            Err(error) => {
                hub.net.stats().accept_errors.add(1);
                if !concerns_one_connection(&error) {
                    tracing::warn!(%error, "accepting failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn concerns_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

/// A balancer says first whose connection it is. Its own checks are welcomed as its own.
async fn passed_on<P: Plug>(
    hub: &Rc<Hub<P>>,
    door: &Rc<Door>,
    mut stream: TcpStream,
    balancer: SocketAddr,
) {
    let limit = hub.net.limits().handshake_time;
    match timeout(limit, proxy_header::receive(&mut stream)).await {
        Ok(Ok(Header::Passed(ends))) => welcome(hub, door, stream, ends.source),
        Ok(Ok(Header::Own)) => welcome(hub, door, stream, balancer),
        Ok(Err(error)) => {
            hub.net.stats().refused_other.add(1);
            tracing::warn!(%balancer, %error, "a balancer does not say whose connection it passes on");
        }
        Err(_elapsed) => hub.net.stats().refused_slow.add(1),
    }
}

fn welcome<P: Plug>(hub: &Rc<Hub<P>>, door: &Rc<Door>, stream: TcpStream, remote: SocketAddr) {
    let stats = hub.net.stats();
    stats.accepted.add(1);
    let admission = match hub.net.gate().admit(remote.ip(), hub.net.look().mono) {
        Ok(admission) => admission,
        Err(crowded) => {
            match crowded {
                Crowded::Full => stats.refused_full.add(1),
                Crowded::Source => stats.refused_source.add(1),
                Crowded::Busy => stats.refused_busy.add(1),
                Crowded::Unwelcome => stats.refused_penalty.add(1),
            }
            return hub.tell_crowded(remote, crowded);
        }
    };
    hub.net.spawn(receive(
        Rc::clone(hub),
        Rc::clone(door),
        stream,
        remote,
        admission,
    ));
}

async fn receive<P: Plug>(
    hub: Rc<Hub<P>>,
    door: Rc<Door>,
    stream: TcpStream,
    remote: SocketAddr,
    mut admission: Admission,
) {
    let net = Rc::clone(&hub.net);
    let transport = door.security.transport();
    let flow = Flow::new(net.next_id(transport), door.idle, net.look().mono);
    net.add(&flow);
    net.stats().handshakes.add(1);
    let handshake = Handshake {
        flow: Some(flow.id()),
        direction: Direction::In,
        peer: remote,
        local: stream.local_addr().ok(),
    };
    let shaken = match prepare(&door, stream) {
        Ok((wire, local)) => {
            flow.connect(&net, wire);
            let shaken = poll_fn(|cx| flow.poll_shake(&net, cx)).await;
            shaken.and_then(|early| Ok((identify(&hub, &door, &flow, remote)?, local, early)))
        }
        Err(refused) => Err(refused),
    };
    net.stats().handshakes.sub(1);
    admission.shaken();
    match shaken {
        Ok((peer, local, early)) => {
            hub.tell_shaken(handshake, &flow, &peer, None);
            let link = Arc::new(Link {
                peer,
                transport,
                face: door.face,
                local,
                remote,
                certificate: flow.held(),
            });
            drop(door);
            hub.converse(&flow, link, early).await;
        }
        Err(refused) => {
            if refused.is_their_doing() {
                admission.failed(net.mono(), matches!(refused, Refused::Slow));
            }
            net.refuse(remote, &refused);
            hub.tell_refused(handshake, &flow, &refused);
            // A failed handshake leaves an alert behind, and a refused stranger is told that it is over.
            flow.queue_farewell(&net);
            Box::pin(hub.part(&flow)).await;
        }
    }
    net.remove(&flow);
}

fn prepare(door: &Door, stream: TcpStream) -> Result<(Wire, SocketAddr), Refused> {
    let local = stream.local_addr().map_err(Refused::Broken)?;
    socket::prepare(&stream).map_err(Refused::Broken)?;
    let session = match &door.security {
        Security::Tls {
            store,
            auth: Auth::Optional,
            client_names,
            holder_names,
        } if !(client_names.is_empty() && holder_names.is_empty()) => {
            Some(Session::accept_by_name(Choice {
                credentials: store.current(),
                client_names: client_names.clone(),
                holder_names: holder_names.clone(),
            }))
        }
        Security::Tls { store, auth, .. } => {
            let config = store.current().server(*auth);
            Some(Session::accept(config).map_err(Refused::Tls)?)
        }
        Security::Plain => None,
    };
    Ok((Wire::new(stream, session), local))
}

fn identify<P: Plug>(
    hub: &Hub<P>,
    door: &Door,
    flow: &Flow,
    remote: SocketAddr,
) -> Result<Peer, Refused> {
    let auth = match door.security {
        Security::Tls { auth, .. } => auth,
        Security::Plain => {
            let known = hub.wiring.identify.plain(remote.ip(), Transport::Tcp);
            return known.ok_or(Refused::Stranger(Stranger));
        }
    };
    if flow.is_holder() {
        return Ok(Peer::Client);
    }
    let names = flow.proven().map_err(Refused::Names)?;
    settle(&*hub.wiring.identify, &names, door.face, auth).map_err(Refused::Stranger)
}
