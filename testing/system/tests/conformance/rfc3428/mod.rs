//! RFC 3428: MESSAGE, as it passes through servers of ours, and as they keep it.

mod keeping;

use sip::msg::Name;

use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run_with};

const RFC: Rfc = Rfc {
    number: 3428,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "6",
        sentence: "a proxy forwards MESSAGE as any request outside of a dialog, body and type untouched",
        check: passes,
    },
    Case {
        section: "7",
        sentence: "the 200 or 202 of the receiver comes to the sender",
        check: accepted,
    },
    Case {
        section: "7",
        sentence: "a refusal of the receiver comes to the sender",
        check: refused,
    },
    Case {
        section: "7",
        sentence: "MESSAGE for a user who is signed in nowhere is answered 480 where the topology asks for no keeping",
        check: nobody_there,
    },
    Case {
        section: "7",
        sentence: "MESSAGE for a user who does not exist is answered 404",
        check: no_such_user,
    },
    Case {
        section: "5",
        sentence: "a MESSAGE outside of a dialog makes none: its answer has no Record-Route of ours that would be used",
        check: no_dialog,
    },
    Case {
        section: "4",
        sentence: "MESSAGE within a dialog follows its route set",
        check: within_a_dialog,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "8",
        sentence: "a sender keeps a MESSAGE below 1300 bytes unless the path is known to control congestion",
        reason: "a rule for user agents",
    },
    Skipped {
        section: "7",
        sentence: "a receiver does not show a MESSAGE whose Expires has passed",
        reason: "a rule for user agents; what expires while it is kept here is removed",
    },
];

fn passes(site: &Site) -> Verdict {
    const BODY: &str =
        "From: <im:a@b.invalid>\r\nTo: <im:c@d.invalid>\r\n\r\nhello, \u{4e16}\u{754c}";
    let (mut sender, mut receiver) = (site.inside()?, site.outside()?);
    let message = sender.request("MESSAGE", receiver.aor());
    let message = sender.begin(message.body("message/cpim", BODY))?;
    let came = receiver.expect("MESSAGE")?;
    receiver.answer(&came, 200)?;
    sender.expect_status(&message, 200)?;
    ensure!(came.body() == BODY.as_bytes(), "another body came");
    ensure!(
        came.text(Name::ContentType) == Some("message/cpim"),
        "its type is {:?}",
        came.text(Name::ContentType)
    );
    Ok(())
}

fn answered(site: &Site, status: u16) -> Verdict {
    let (mut sender, mut receiver) = (site.outside()?, site.inside()?);
    let message = sender.request("MESSAGE", receiver.aor());
    let message = sender.begin(message.body("text/plain", "hello"))?;
    let came = receiver.expect("MESSAGE")?;
    receiver.answer(&came, status)?;
    is(&sender.expect_final(&message)?, status)
}

fn accepted(site: &Site) -> Verdict {
    answered(site, 200)?;
    answered(site, 202)
}

fn refused(site: &Site) -> Verdict {
    answered(site, 415)
}

fn nobody_there(site: &Site) -> Verdict {
    let mut sender = site.inside()?;
    let message = sender.request("MESSAGE", &site.user().uri);
    is(&sender.ask(&message.body("text/plain", "hello"))?, 480)
}

fn no_such_user(site: &Site) -> Verdict {
    let mut sender = site.inside()?;
    let message = sender.request("MESSAGE", "sip:nobody.at.all@contoso.com");
    is(&sender.ask(&message.body("text/plain", "hello"))?, 404)
}

fn no_dialog(site: &Site) -> Verdict {
    let (mut sender, mut receiver) = (site.inside()?, site.inside()?);
    let message = sender.request("MESSAGE", receiver.aor());
    let message = sender.begin(message)?;
    let came = receiver.expect("MESSAGE")?;
    receiver.answer(&came, 200)?;
    sender.expect_status(&message, 200)?;
    ensure!(
        came.get(Name::RecordRoute).is_none(),
        "it came with a Record-Route"
    );
    Ok(())
}

fn within_a_dialog(site: &Site) -> Verdict {
    let mut call = system::agent::Call::between(site.inside()?, site.inside()?)?;
    call.caller_asks("MESSAGE", 200)?;
    call.callee_asks("MESSAGE", 200)?;
    Ok(())
}

#[test]
fn conforms() {
    let keeps = Site::start_with(keeping::LINES);
    run_with(&RFC, keeping::trials(&keeps));
}
