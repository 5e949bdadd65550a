//! What an operator asks of a running machine over its control socket.

use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::spawn_blocking;

use super::Shared;
use super::status::MachineStatus;
use crate::directory_admin::{UserReply, UserRequest};
use crate::fault::chain;

/// What can be asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// How are you?
    Status,
    /// Something about the directory of users.
    Users(UserRequest),
    /// Forget what is held against an address.
    Forgive {
        /// Which one.
        address: IpAddr,
    },
    /// Load certificates and revocation lists again.
    Reload,
    /// Which topology file do you run?
    File,
    /// Finish what was begun and end.
    Drain,
    /// Give a member behind a VIP nothing new, or give it its share again.
    Member {
        /// Which one.
        member: String,
        /// Whether it is drained from here on.
        drained: bool,
    },
}

/// What is answered.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// How the machine is.
    Status(Box<MachineStatus>),
    /// What came of it.
    Users(UserReply),
    /// The topology file as it was read at the start.
    File {
        /// Its text.
        text: String,
    },
    /// It is done, or under way.
    Done,
    /// This machine does not master the directory; ask one of that pool.
    NotMaster {
        /// The pool that does.
        pool: Option<String>,
    },
    /// It was not done.
    Failed {
        /// Why, with its causes.
        reason: String,
    },
}

/// Answers one request.
pub(super) async fn answer(
    shared: Arc<Shared>,
    drain: watch::Sender<bool>,
    request: Request,
) -> Reply {
    match request {
        Request::Status => Reply::Status(Box::new(shared.status())),
        Request::Users(request) => users(shared, request).await,
        Request::Forgive { address } => forgive(&shared, address),
        Request::Reload => match spawn_blocking(move || shared.reload()).await {
            Ok(Ok(())) => Reply::Done,
            Ok(Err(error)) => Reply::Failed {
                reason: chain(&error),
            },
            Err(_) => Reply::Failed {
                reason: "the reload was interrupted".to_owned(),
            },
        },
        Request::File => file(&shared.file),
        Request::Member { member, drained } => drain_member(&shared, &member, drained),
        Request::Drain => {
            drain.send_replace(true);
            Reply::Done
        }
    }
}

/// A reply is one line of bounded length, and text grows when it is written as JSON.
fn file(text: &str) -> Reply {
    const MAX_FILE: usize = 512 << 10;
    if text.len() > MAX_FILE {
        let reason = "the file is too large to be told over this socket".to_owned();
        return Reply::Failed { reason };
    }
    let text = text.to_owned();
    Reply::File { text }
}

fn forgive(shared: &Shared, address: IpAddr) -> Reply {
    let guard = shared.node.as_ref().map(|node| node.guard());
    if guard.is_some_and(|guard| guard.forgive(address)) {
        tracing::info!(%address, "an operator forgave what was held against it");
        return Reply::Done;
    }
    let reason = format!("nothing is known of {address} here");
    Reply::Failed { reason }
}

fn drain_member(shared: &Shared, member: &str, drained: bool) -> Reply {
    let vips = shared.vips.as_ref();
    if vips.is_some_and(|vips| vips.pools.drain(member, drained)) {
        tracing::info!(
            member,
            drained,
            "an operator drained a member, or took it back"
        );
        return Reply::Done;
    }
    let reason = format!("no VIP that is held here has a member {member}");
    Reply::Failed { reason }
}

async fn users(shared: Arc<Shared>, request: UserRequest) -> Reply {
    if shared.admin.is_none() {
        let pool = shared
            .view
            .directory_master
            .as_ref()
            .map(|pool| pool.as_str().to_owned());
        return Reply::NotMaster { pool };
    }
    let now = shared.clock.wall();
    let handled = spawn_blocking(move || {
        shared
            .admin
            .as_ref()
            .map(|admin| admin.handle(now, request))
    });
    match handled.await {
        Ok(Some(reply)) => Reply::Users(reply),
        Ok(None) | Err(_) => Reply::Failed {
            reason: "the request was interrupted".to_owned(),
        },
    }
}
