//! Names that only the processes of one test resolve, without touching the machine's own tables.
//!
//! Clients differ. Linphone's resolver reads `/etc/hosts` first: it runs in a mount namespace where that file is ours
//! ([`Names::command`]). Baresip asks the server in its configuration and nothing else: a small responder on a free
//! loopback port answers it ([`Responder`]). The responder knows address records only.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::{RData, Record, RecordType};

/// How long an answer may be kept, in seconds: not at all, so that a test can move a name.
const TTL: u32 = 0;

/// A table of names and their addresses, in the order they are to be tried.
#[derive(Debug, Clone, Default)]
pub struct Names(BTreeMap<String, Vec<Ipv4Addr>>);

impl Names {
    /// Adds an address to a name.
    pub fn add(&mut self, name: &str, address: Ipv4Addr) {
        self.0
            .entry(name.to_ascii_lowercase())
            .or_default()
            .push(address);
    }

    /// Returns the addresses of a name; none when the name is not in the table.
    #[must_use]
    pub fn addresses(&self, name: &str) -> &[Ipv4Addr] {
        self.0
            .get(&name.to_ascii_lowercase())
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// Writes the files that replace `/etc/hosts` and `/etc/resolv.conf`, and returns a command that runs `program`
    /// in a mount namespace where they do. Needs root.
    ///
    /// # Errors
    /// Fails when the files cannot be written.
    pub fn command(&self, program: &Path, folder: &Path) -> io::Result<Command> {
        let mut hosts = String::from("127.0.0.1 localhost\n");
        for (name, addresses) in &self.0 {
            for address in addresses {
                hosts.push_str(&format!("{address} {name}\n"));
            }
        }
        std::fs::write(folder.join("hosts"), hosts)?;
        // A name that is not in the table must not be asked for outside of the machine.
        std::fs::write(folder.join("resolv.conf"), "nameserver 127.0.0.1\n")?;
        let enter = "mount --bind \"$0/hosts\" /etc/hosts && \
                     mount --bind \"$0/resolv.conf\" /etc/resolv.conf && exec \"$@\"";
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--propagation", "private", "sh", "-c", enter])
            .arg(folder)
            .arg(program);
        Ok(command)
    }
}

/// A name server for one test; it stops when it is dropped.
#[derive(Debug)]
pub struct Responder {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Responder {
    /// Starts answering from the table on a free port of an address.
    ///
    /// # Errors
    /// Fails when the address cannot be bound.
    pub fn start(names: Names, at: Ipv4Addr) -> io::Result<Self> {
        let socket = UdpSocket::bind((at, 0))?;
        let address = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || answer_all(&socket, &names, &stopped));
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    /// Returns where the responder is asked.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // An empty packet wakes the thread; if it cannot be sent, the thread stays until the process ends.
        let woken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|socket| socket.send_to(&[], self.address));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

fn answer_all(socket: &UdpSocket, names: &Names, stop: &AtomicBool) {
    let mut packet = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        if stop.load(Ordering::Acquire) {
            return;
        }
        if let Some(answer) = packet.get(..length).and_then(|query| answer(query, names)) {
            // The client asks again when an answer is lost.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// Returns the answer to a query; what is no query gets none.
fn answer(query: &[u8], names: &Names) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let name = question.name().to_ascii();
    let addresses = names.addresses(name.trim_end_matches('.'));
    let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_desired = query.metadata.recursion_desired;
    if addresses.is_empty() {
        answer.metadata.response_code = ResponseCode::NXDomain;
    } else if question.query_type() == RecordType::A {
        for address in addresses {
            let data = RData::A((*address).into());
            answer.add_answer(Record::from_rdata(question.name().clone(), TTL, data));
        }
    }
    answer.add_query(question);
    answer.to_vec().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
    use hickory_proto::rr::{Name, RecordType};

    use super::{Names, Responder};

    fn ask(responder: &Responder, name: &str, kind: RecordType) -> Message {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut query = Message::new(7, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        socket
            .send_to(&query.to_vec().unwrap(), responder.address())
            .unwrap();
        let mut packet = [0; 512];
        let (length, _) = socket.recv_from(&mut packet).unwrap();
        Message::from_vec(&packet[..length]).unwrap()
    }

    #[test]
    fn a_name_has_its_addresses_and_nothing_else() {
        let mut names = Names::default();
        names.add("Pool.example.net", Ipv4Addr::new(127, 0, 0, 9));
        let responder = Responder::start(names, Ipv4Addr::LOCALHOST).unwrap();
        assert_eq!(
            ask(&responder, "pool.example.net.", RecordType::A)
                .answers
                .len(),
            1
        );
        let other_kind = ask(&responder, "pool.example.net.", RecordType::SRV);
        assert!(other_kind.answers.is_empty());
        assert_eq!(other_kind.metadata.response_code, ResponseCode::NoError);
        let unknown = ask(&responder, "other.example.net.", RecordType::A);
        assert_eq!(unknown.metadata.response_code, ResponseCode::NXDomain);
    }
}
