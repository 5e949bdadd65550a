//! Messages for users who are away: kept, and delivered when one of their phones signs in.

mod accepting;
mod delivering;
mod through;

use crate::deployment::{Deployment, FE1, user};
use crate::phone::Phone;
use crate::workers::{Asked, Workers};
use base::UnixMillis;
use base::net::FlowId;
use directory::{Blocked, Change, Revision, User};
use sip::Pending;
use sip::config::{Federation, InternalSignIn, Offline, Partner};
use sip::msg::{Message, Method, Name};
use std::time::Duration;

const KEEPS: Offline = Offline {
    keep: Duration::from_secs(3_600),
    per_user: 3,
    message: 2_000,
};
const BOB: &str = "sip:bob@contoso.com";
const TEXT: &str = "Content-Type: text/plain\n";

/// A Front End with two workers and no other that stands in for it, and alice, who has signed in.
fn front_end(keeps: Option<Offline>) -> (Workers, FlowId) {
    let mut w = Workers::told("fe01.contoso.net", 2, |config| {
        config.offline = keeps;
        config.pools.iter_mut().for_each(|pool| pool.backup = None);
    });
    let alice = w.client(0, 1);
    w.sign_in(alice, "alice");
    (w, alice)
}

/// Alice sends bob a message. The number tells it from others.
fn message(w: &mut Workers, alice: FlowId, number: u32, lines: &str) {
    let asked = Asked {
        method: "MESSAGE",
        uri: BOB,
        from: "<sip:alice@contoso.com>;tag=a",
        to: "<sip:bob@contoso.com>",
        branch: &format!("m{number}"),
    };
    w.ask(alice, &asked, &format!("{lines}\nnumber {number}"));
}

fn sends(w: &mut Workers, alice: FlowId, number: u32, lines: &str) -> u16 {
    message(w, alice, number, lines);
    w.next(alice).status()
}

fn signs_in(w: &mut Workers, worker: u8, serial: u64) -> FlowId {
    let phone = w.client(worker, serial);
    registers(w, phone);
    phone
}

/// Bob's phone on this flow registers, or does so again.
fn registers(w: &mut Workers, phone: FlowId) {
    let contact = format!("Contact: <sip:bob@192.168.0.2;flow={}>\n", phone.to_bits());
    w.sign_in_with(phone, "bob", &contact);
}

fn body(message: &Message) -> &str {
    std::str::from_utf8(message.body()).unwrap()
}

fn takes(w: &mut Workers, phone: FlowId, number: u32, status: u16) {
    let came = w.next(phone);
    assert_eq!(body(&came), format!("number {number}"));
    w.answer(phone, &came, status, "");
}

fn nothing_is_left(w: &mut Workers) {
    w.wait(Duration::from_secs(300));
    for worker in 0..2 {
        assert_eq!(w.node(worker).pending(), Pending::default(), "{worker}");
    }
}

/// Kept, delivered, declined, expired and refused so far.
fn counted(w: &Workers) -> [u64; 5] {
    let mut sum = sip::Stats::default();
    (0..2).for_each(|worker| sum.add(w.node(worker).stats()));
    [
        sum.kept,
        sum.kept_delivered,
        sum.kept_declined,
        sum.kept_expired,
        sum.kept_refused,
    ]
}
