//! Section 16, gateways: targets that no registration names, in this pool and in another (`[[gateway]]`).

use sip::msg::{Method, Name};
use system::agent::{Agent, Dialog};

use crate::conformance::{Case, Fault, Site, Verdict, ensure, is};

pub(crate) const CASES: &[Case] = &[
    Case {
        section: "16.5",
        sentence: "a number that a gateway of this pool reaches goes to it, and both ends go on through the proxy",
        check: of_this_pool,
    },
    Case {
        section: "16.5",
        sentence: "a number that a gateway of another pool reaches goes there by that pool",
        check: of_another_pool,
    },
    Case {
        section: "16.5",
        sentence: "a user outside reaches a gateway of any pool",
        check: from_outside,
    },
    Case {
        section: "16.5",
        sentence: "what comes from a gateway reaches users at home in its pool and in another",
        check: from_a_gateway,
    },
    Case {
        section: "16.5",
        sentence: "a number that no gateway reaches is answered 404",
        check: reached_by_none,
    },
    Case {
        section: "16.10",
        sentence: "a call to a gateway of another pool is cancelled there",
        check: cancelled,
    },
];

/// Calls through a gateway; either end asks something, and the gateway ends it.
fn calls(caller: &mut Agent, number: &str, gateway: &mut Agent) -> Verdict {
    let invite = caller.request("INVITE", &format!("sip:{number}@contoso.com"));
    let invite = caller.begin(invite)?;
    let came = next(gateway, "INVITE")?;
    let called = came.uri().to_owned();
    ensure!(called.contains(number), "the Request-URI is {called}");
    ensure!(
        came.text(Name::PAssertedIdentity)
            .is_some_and(|who| who.contains(caller.aor())),
        "P-Asserted-Identity is {:?}",
        came.text(Name::PAssertedIdentity)
    );
    let answer = gateway.answer(&came, 200)?;
    let ok = caller.expect_status(&invite, 200)?;
    let mut call = caller.confirm(&invite, &ok)?;
    next(gateway, "ACK")?;
    let end = Dialog::of_callee(&came, &answer);
    let mut end = end.ok_or_else(|| Fault::new("the 200 makes no dialog"))?;
    let info = caller.within(&mut call, "INFO");
    let info = caller.begin(info)?;
    let asked = next(gateway, "INFO")?;
    gateway.answer(&asked, 200)?;
    caller.expect_status(&info, 200)?;
    let bye = gateway.within(&mut end, "BYE");
    gateway.send(&bye)?;
    let ended = caller.expect("BYE")?;
    caller.answer(&ended, 200)?;
    is(&gateway.expect_final(&bye)?, 200)
}

/// The next request of a method; over UDP what came before may come again.
fn next(gateway: &mut Agent, method: &str) -> Result<sip::msg::Message, Fault> {
    Ok(gateway.expect(method)?)
}

fn of_this_pool(site: &Site) -> Verdict {
    let mut gateways = site.gateways()?;
    calls(&mut site.inside()?, "+8221", &mut gateways.first)
}

fn of_another_pool(site: &Site) -> Verdict {
    let mut gateways = site.gateways()?;
    calls(&mut site.inside()?, "+8122", &mut gateways.second)
}

fn from_outside(site: &Site) -> Verdict {
    let mut gateways = site.gateways()?;
    let mut caller = site.outside()?;
    // Met before, so that the call itself is not challenged.
    let first = caller.request("OPTIONS", "sip:contoso.com");
    caller.prove(first)?;
    calls(&mut caller, "+8223", &mut gateways.first)?;
    calls(&mut caller, "+8124", &mut gateways.second)
}

fn from_a_gateway(site: &Site) -> Verdict {
    let mut gateways = site.gateways()?;
    let of_pool_one = site.inside()?;
    let of_pool_two = site
        .doors()
        .sign_in_inside(&site.user_of_the_other_pool())?;
    for mut phone in [of_pool_one, of_pool_two] {
        for gateway in [&mut gateways.first, &mut gateways.second] {
            let message = gateway.request("MESSAGE", phone.aor());
            let message = message.set("From", "<sip:+49301@gateway.invalid>;tag=1");
            gateway.send(&message)?;
            let came = phone.expect("MESSAGE")?;
            phone.answer(&came, 200)?;
            is(&gateway.expect_final(&message)?, 200)?;
            let who = came.text(Name::PAssertedIdentity).unwrap_or_default();
            ensure!(
                who == "<sip:+49301@contoso.com>",
                "P-Asserted-Identity is {who:?}"
            );
        }
    }
    Ok(())
}

fn reached_by_none(site: &Site) -> Verdict {
    let mut caller = site.inside()?;
    let request = caller.request("MESSAGE", "sip:+7999@contoso.com");
    is(&caller.ask(&request)?, 404)
}

fn cancelled(site: &Site) -> Verdict {
    let mut gateways = site.gateways()?;
    let gateway = &mut gateways.second;
    let mut caller = site.inside()?;
    let invite = caller.request("INVITE", "sip:+8125@contoso.com");
    let invite = caller.begin(invite)?;
    let came = next(gateway, "INVITE")?;
    gateway.answer(&came, 180)?;
    caller.expect_status(&invite, 180)?;
    let cancel = caller.cancel(&invite);
    is(&caller.ask(&cancel)?, 200)?;
    let cancel = next(gateway, "CANCEL")?;
    ensure!(cancel.method() == Method::Cancel, "it is something else");
    gateway.answer(&cancel, 200)?;
    gateway.answer(&came, 487)?;
    next(gateway, "ACK")?;
    let refused = caller.expect_final(&invite)?;
    caller.acknowledge(&invite, &refused)?;
    is(&refused, 487)
}
