//! Section 12: dialogs, as those in the middle must leave them.

use sip::msg::{Message, Name};
use system::agent::{Call, Draft, values};

use crate::conformance::{Case, Site, Verdict, ensure};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "12.1.1",
        sentence: "the Record-Route of an answer comes to the caller as the callee copied it",
        check: record_route_comes_back,
    },
    Case {
        section: "12.1.1",
        sentence: "tags and Call-ID pass untouched, and inside the Contact of both ends does",
        check: identifiers_pass,
    },
    Case {
        section: "12.2.1.1",
        sentence: "a request along the route set of the caller arrives with the remote target as Request-URI and no Route left",
        check: caller_to_callee,
    },
    Case {
        section: "12.2.1.1",
        sentence: "the same from the callee, along the reverse route set",
        check: callee_to_caller,
    },
    Case {
        section: "12.2.1.1",
        sentence: "between inside and outside both directions work, too",
        check: inside_and_outside,
    },
    Case {
        section: "12.2.2",
        sentence: "481 from an end comes to the other, which decides what it means",
        check: the_end_decides,
    },
    Case {
        section: "12.2",
        sentence: "within a dialog every line of a request and its body arrive as they left, whatever the method",
        check: byte_for_byte,
    },
    Case {
        section: "12.2",
        sentence: "and so do those of its answer",
        check: answers_byte_for_byte,
    },
    Case {
        section: "12.2.1.2",
        sentence: "a target refresh request carries the new Contact, and later requests go there",
        check: target_refresh,
    },
];

fn record_route_comes_back(site: &Site) -> Verdict {
    let call = Call::between(site.inside()?, site.inside()?)?;
    let (there, back) = (
        values(&call.asked, Name::RecordRoute),
        values(&call.ok, Name::RecordRoute),
    );
    ensure!(!there.is_empty(), "no server stays in the route");
    ensure!(there == back, "it left as {there:?} and came as {back:?}");
    ensure!(
        there.iter().all(|entry| entry.contains(";lr")),
        "an entry has no lr: {there:?}"
    );
    Ok(())
}

fn identifiers_pass(site: &Site) -> Verdict {
    let inside = Call::between(site.inside()?, site.inside()?)?;
    passed(&inside, &[Name::Contact])?;
    // Towards the outside a Contact is hidden.
    passed(&Call::between(site.inside()?, site.outside()?)?, &[])
}

/// What both ends wrote in From, To, Call-ID, CSeq and these headers came to the other.
fn passed(call: &Call, also: &[Name]) -> Verdict {
    for name in [Name::From, Name::To, Name::CallId, Name::CSeq]
        .iter()
        .chain(also)
    {
        let (left, came) = (call.invite.get(name.as_str()), call.asked.text(*name));
        ensure!(left == came, "{name} left as {left:?} and came as {came:?}");
        let (left, came) = (call.answer.get(name.as_str()), call.ok.text(*name));
        ensure!(
            left == came,
            "{name} of the answer left as {left:?} and came as {came:?}"
        );
    }
    Ok(())
}

fn caller_to_callee(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    let (came, _) = call.caller_asks("INFO", 200)?;
    ensure!(
        came.uri() == call.callee.contact(),
        "the Request-URI is {}",
        came.uri()
    );
    let route = values(&came, Name::Route);
    ensure!(route.is_empty(), "Route is {route:?}");
    Ok(())
}

fn callee_to_caller(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    let (came, _) = call.callee_asks("INFO", 200)?;
    ensure!(
        came.uri() == call.caller.contact(),
        "the Request-URI is {}",
        came.uri()
    );
    let route = values(&came, Name::Route);
    ensure!(route.is_empty(), "Route is {route:?}");
    Ok(())
}

fn inside_and_outside(site: &Site) -> Verdict {
    let pairs = [
        (site.inside()?, site.outside()?),
        (site.outside()?, site.inside()?),
        (site.outside()?, site.outside()?),
    ];
    for (caller, callee) in pairs {
        let mut call = Call::between(caller, callee)?;
        call.caller_asks("INFO", 200)?;
        call.callee_asks("INFO", 200)?;
        call.callee_asks("BYE", 200)?;
    }
    Ok(())
}

fn the_end_decides(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    call.caller_asks("INFO", 481)?;
    call.callee_asks("INFO", 481)?;
    Ok(())
}

/// Lines that an element in the middle has no business with.
const LINES: [(&str, &str); 8] = [
    (
        "Refer-To",
        "<sip:third@host.example?Replaces=a%40b%3Bto-tag%3D1>",
    ),
    ("Event", "refer;id=93809824"),
    ("Subscription-State", "active;expires=(60)"),
    ("RAck", "776656 1 INVITE"),
    ("Info-Package", "odd ; a=\"b, c\""),
    ("X-Odd", "a  b;c=\"d, <e>\" , ,"),
    ("Content-Disposition", "Render;handling=optional"),
    ("session-expires", "1800 ; refresher=uac"),
];

/// The lines that the sender wrote and nobody on the way may touch, as `name: value`.
fn own_lines(draft: &Draft) -> Vec<String> {
    let bytes = draft.bytes();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let hop = [
        "Via",
        "Route",
        "Max-Forwards",
        "Proxy-Authorization",
        "Record-Route",
    ];
    let head = text.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.split("\r\n").skip(1);
    lines
        .filter(|line| !hop.iter().any(|name| line.starts_with(&format!("{name}:"))))
        .map(str::to_owned)
        .collect()
}

/// The sender's lines are there as they were and in their order; the body, too.
fn is_untouched(left: &Draft, came: &Message) -> Verdict {
    let text = String::from_utf8_lossy(came.bytes()).into_owned();
    let mut there = text.split("\r\n");
    for line in own_lines(left) {
        ensure!(
            there.any(|one| one == line),
            "{line:?} is missing or moved in {text}"
        );
    }
    ensure!(came.body() == BODY, "the body is {:?}", came.body());
    Ok(())
}

const BODY: &[u8] = b"SIP/2.0 200 OK\r\n\r\n\0\xff\xfe\r\n";

fn with_lines(draft: Draft) -> Draft {
    let all = LINES
        .iter()
        .fold(draft, |draft, (name, value)| draft.with(name, value));
    all.body("application/odd;x=\"y\"", BODY)
}

fn byte_for_byte(site: &Site) -> Verdict {
    // Towards the outside Contact is hidden; all else is not.
    let pairs = [
        (site.inside()?, site.outside()?, Some("Contact")),
        (site.outside()?, site.inside()?, None),
        (site.inside()?, site.inside()?, None),
    ];
    for (caller, callee, hidden) in pairs {
        let mut call = Call::between(caller, callee)?;
        for method in [
            "INFO", "REFER", "NOTIFY", "UPDATE", "PRACK", "MESSAGE", "Brew",
        ] {
            let request = call.caller.within(&mut call.caller_end, method);
            let request = call.caller.begin(with_lines(request))?;
            let came = call.callee.expect(method)?;
            let visible =
                hidden.map_or_else(|| request.clone(), |one| request.clone().without(one));
            is_untouched(&visible, &came)?;
            call.callee.answer(&came, 200)?;
            call.caller.expect_status(&request, 200)?;
        }
    }
    Ok(())
}

fn answers_byte_for_byte(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.outside()?)?;
    for (method, status) in [
        ("INFO", 200),
        ("REFER", 202),
        ("NOTIFY", 481),
        ("UPDATE", 491),
        ("PRACK", 200),
    ] {
        let request = call.caller.within(&mut call.caller_end, method);
        let request = call.caller.begin(request)?;
        let came = call.callee.expect(method)?;
        let answer = with_lines(call.callee.response(&came, status));
        call.callee.send(&answer)?;
        is_untouched(&answer, &call.caller.expect_final(&request)?)?;
    }
    Ok(())
}

fn target_refresh(site: &Site) -> Verdict {
    let mut call = Call::between(site.inside()?, site.inside()?)?;
    let moved = format!("{};moved=yes", call.callee.contact());
    call.callee = call.callee.at(&moved);
    let (came, _) = call.callee_asks("UPDATE", 200)?;
    ensure!(
        came.text(Name::Contact)
            .is_some_and(|contact| contact.contains(&moved)),
        "Contact is {:?}",
        came.text(Name::Contact)
    );
    call.caller_end.target.clone_from(&moved);
    let (came, _) = call.caller_asks("INFO", 200)?;
    ensure!(came.uri() == moved, "the Request-URI is {}", came.uri());
    Ok(())
}
