//! What a token proves, and what it does not.

use super::*;

fn key(purpose: &str) -> Key {
    Key::derive(&[9; 32], purpose)
}

#[test]
fn a_branch_comes_back_as_it_was_minted_and_no_other_key_reads_it() {
    let kept = Branch::Kept {
        worker: WorkerId(1),
        slot: 7,
        generation: 3,
        leg: 258,
    };
    let stateless = Branch::Stateless {
        flow: FlowId::accepted(WorkerId(1), 99),
        request: 4242,
    };
    for branch in [kept, stateless] {
        let text = branch.mint(&key("branch"));
        assert!(text.starts_with(MAGIC_COOKIE));
        assert_eq!(Branch::read(&text, &key("branch")), Some(branch));
        assert_eq!(Branch::read(&text, &key("other")), None);
    }
}

#[test]
fn any_changed_character_makes_a_branch_worthless() {
    let text = Branch::Kept {
        worker: WorkerId(0),
        slot: 1,
        generation: 1,
        leg: 0,
    }
    .mint(&key("b"));
    for at in MAGIC_COOKIE.len()..text.len() {
        let mut other = text.clone().into_bytes();
        other[at] = if other[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(other).unwrap();
        if other != text {
            assert_eq!(Branch::read(&other, &key("b")), None, "at {at}");
        }
    }
}

#[test]
fn a_dialog_token_is_worth_nothing_in_another_dialog() {
    let dialog = Dialog {
        call_id: "a@x",
        tag: "1",
        caller: "sip:a@x",
        callee: "sip:b@x",
    };
    let other = Dialog { tag: "2", ..dialog };
    let flow = Some((5, FlowId::accepted(WorkerId(0), 3)));
    for flow in [flow, None] {
        let token = Token { flow, dialog: true };
        let text = Token::record_route(flow, dialog, &key("t"));
        for dialogs in [&[dialog][..], &[other, dialog]] {
            assert_eq!(Token::read(&text, &key("t"), dialogs), Some(token));
        }
        let call_id = "b@x";
        let (caller, callee) = (dialog.callee, dialog.caller);
        for other in [
            other,
            Dialog { call_id, ..dialog },
            Dialog { caller, ..dialog },
            Dialog { callee, ..dialog },
        ] {
            assert_eq!(Token::read(&text, &key("t"), &[other]), None);
        }
    }
}

#[test]
fn a_ticket_admits_its_user_for_its_time() {
    let ticket = Ticket::mint("sip:alice@contoso.com", 1_000, &key("t"));
    assert!(Ticket::admits(
        &ticket,
        "sip:alice@contoso.com",
        999,
        &key("t")
    ));
    assert!(!Ticket::admits(
        &ticket,
        "sip:alice@contoso.com",
        1_000,
        &key("t")
    ));
    assert!(!Ticket::admits(
        &ticket,
        "sip:bob@contoso.com",
        999,
        &key("t")
    ));
    assert!(!Ticket::admits(
        &ticket,
        "sip:alice@contoso.com",
        999,
        &key("other")
    ));
    assert!(!Ticket::admits("", "sip:alice@contoso.com", 999, &key("t")));
}

#[test]
fn a_path_token_names_its_flow_and_proves_no_dialog() {
    let flow = FlowId::accepted(WorkerId(2), 12);
    let text = Token::path(7, flow, &key("t"));
    let read = Token::read(&text, &key("t"), &[]).unwrap();
    assert_eq!(
        read,
        Token {
            flow: Some((7, flow)),
            dialog: false
        }
    );
    assert_eq!(Token::read("", &key("t"), &[]), None);
    assert_eq!(Token::read("alice", &key("t"), &[]), None);
}
