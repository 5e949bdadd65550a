//! The name service outside for one test: any records, made up while it runs, and what was asked for.
//!
//! It stands in for the whole DNS: every name is its own, and a name without records is not there. Over UDP only, so a
//! test keeps its answers short.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::{NAPTR, SRV};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// How long an answer may be kept, in seconds: not at all, so that a test can move a name.
const TTL: u32 = 0;

/// What is known, and what was asked.
#[derive(Debug, Default)]
struct Table {
    records: BTreeMap<String, Vec<RData>>,
    asked: Vec<(String, RecordType)>,
}

/// A running name server; it stops when it is dropped.
#[derive(Debug)]
pub struct Zone {
    address: SocketAddr,
    table: Arc<Mutex<Table>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Zone {
    /// Starts answering on a free port of an address.
    ///
    /// # Errors
    /// Fails when the address cannot be bound.
    pub fn start(at: Ipv4Addr) -> io::Result<Self> {
        Self::start_at((at, 0).into())
    }

    /// The same on a port of one's own choice.
    ///
    /// # Errors
    /// Fails when the address cannot be bound.
    pub fn start_at(at: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(at)?;
        let address = socket.local_addr()?;
        let (table, stop) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (shared, stopped) = (Arc::clone(&table), Arc::clone(&stop));
        let thread = std::thread::spawn(move || answer_all(&socket, &shared, &stopped));
        Ok(Self {
            address,
            table,
            stop,
            thread: Some(thread),
        })
    }

    /// Returns where it is asked.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives a name an address.
    pub fn host(&self, name: &str, address: IpAddr) {
        let data = match address {
            IpAddr::V4(address) => RData::A(address.into()),
            IpAddr::V6(address) => RData::AAAA(address.into()),
        };
        self.add(name, data);
    }

    /// Gives a service a server: priority, weight, port and host.
    ///
    /// # Panics
    /// Panics when the host is no name.
    pub fn srv(&self, name: &str, (priority, weight, port): (u16, u16, u16), host: &str) {
        let host = Name::from_ascii(host).expect("a host name");
        self.add(name, RData::SRV(SRV::new(priority, weight, port, host)));
    }

    /// Says how a domain is reached: order, preference, service and where that is described.
    ///
    /// # Panics
    /// Panics when the replacement is no name.
    pub fn naptr(&self, name: &str, (order, preference): (u16, u16), service: &str, at: &str) {
        let at = Name::from_ascii(at).expect("a name");
        let (flags, service) = (b"s".as_slice().into(), service.as_bytes().into());
        let empty = Box::default();
        self.add(
            name,
            RData::NAPTR(NAPTR::new(order, preference, flags, service, empty, at)),
        );
    }

    /// Tells whether records of a kind were asked for.
    #[must_use]
    pub fn was_asked(&self, name: &str, kind: RecordType) -> bool {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |(asked, of): &(String, RecordType)| asked == name && *of == kind;
        table.asked.iter().any(is_it)
    }

    fn add(&self, name: &str, data: RData) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let name = name.to_ascii_lowercase();
        table.records.entry(name).or_default().push(data);
    }
}

impl Drop for Zone {
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

fn answer_all(socket: &UdpSocket, table: &Mutex<Table>, stop: &AtomicBool) {
    let mut packet = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut packet) {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let query = packet.get(..length).unwrap_or_default();
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answer(query, &mut table) {
            // The client asks again when an answer is lost.
            let _ = socket.send_to(&answer, from);
        }
    }
}

/// Returns the answer to a query; what is no query gets none.
fn answer(query: &[u8], table: &mut Table) -> Option<Vec<u8>> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let name = question.name().to_ascii().to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    table.asked.push((name.to_owned(), question.query_type()));
    let mut answer = Message::new(query.metadata.id, MessageType::Response, OpCode::Query);
    answer.metadata.authoritative = true;
    answer.metadata.recursion_desired = query.metadata.recursion_desired;
    answer.metadata.recursion_available = true;
    match table.records.get(name) {
        Some(records) => {
            let fitting = records
                .iter()
                .filter(|data| data.record_type() == question.query_type());
            for data in fitting {
                let record = Record::from_rdata(question.name().clone(), TTL, data.clone());
                answer.add_answer(record);
            }
        }
        None => answer.metadata.response_code = ResponseCode::NXDomain,
    }
    answer.add_query(question);
    answer.to_vec().ok()
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, UdpSocket};

    use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
    use hickory_proto::rr::{Name, RecordType};

    use super::Zone;

    fn ask(zone: &Zone, name: &str, kind: RecordType) -> Message {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut query = Message::new(7, MessageType::Query, OpCode::Query);
        query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        socket
            .send_to(&query.to_vec().unwrap(), zone.address())
            .unwrap();
        let mut packet = [0; 512];
        let (length, _) = socket.recv_from(&mut packet).unwrap();
        Message::from_vec(&packet[..length]).unwrap()
    }

    #[test]
    fn a_name_has_its_records_and_nothing_else() {
        let zone = Zone::start(Ipv4Addr::LOCALHOST).unwrap();
        zone.host("Pool.example.net", Ipv4Addr::new(127, 0, 0, 9).into());
        zone.srv("_sips._tcp.example.net", (1, 2, 5061), "pool.example.net.");
        let addresses = ask(&zone, "pool.example.net.", RecordType::A);
        assert_eq!(addresses.answers.len(), 1);
        let servers = ask(&zone, "_sips._tcp.example.net.", RecordType::SRV);
        assert_eq!(servers.answers.len(), 1);
        let other_kind = ask(&zone, "pool.example.net.", RecordType::SRV);
        assert!(other_kind.answers.is_empty());
        assert_eq!(other_kind.metadata.response_code, ResponseCode::NoError);
        let unknown = ask(&zone, "other.example.net.", RecordType::A);
        assert_eq!(unknown.metadata.response_code, ResponseCode::NXDomain);
        assert!(zone.was_asked("other.example.net", RecordType::A));
        assert!(!zone.was_asked("other.example.net", RecordType::SRV));
    }
}
