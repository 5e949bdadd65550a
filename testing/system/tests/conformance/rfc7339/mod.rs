//! RFC 7339: overload control, between our own machines.

use sip::msg::Name;

use super::ringing::Ringing;
use super::{Case, Rfc, Site, Skipped, Verdict, ensure, is, run};

const RFC: Rfc = Rfc {
    number: 7339,
    cases: &[CASES],
    skipped: &[SKIPPED],
};

const CASES: &[Case] = &[
    Case {
        section: "4.1",
        sentence: "a client that is not trusted for it is offered no overload control",
        check: no_offer_to_a_phone,
    },
    Case {
        section: "5.2",
        sentence: "a client that offers it unasked is asked for nothing, and its parameters come back as they were",
        check: nothing_asked_of_a_phone,
    },
];

const SKIPPED: &[Skipped] = &[
    Skipped {
        section: "5.2",
        sentence: "an overloaded server puts oc, oc-algo, oc-validity and oc-seq into the Via of its responses",
        reason: "between our own machines, and only when one is nearly full; shown by sim::overload",
    },
    Skipped {
        section: "5.3",
        sentence: "a client holds back the part that was asked for, for as long as was said, and heeds oc-seq",
        reason: "as above",
    },
    Skipped {
        section: "5.10",
        sentence: "what is in a dialog and emergencies go before other requests",
        reason: "as above",
    },
];

fn no_offer_to_a_phone(site: &Site) -> Verdict {
    let mut call = Ringing::begin(site)?;
    let has = call.came.via()?.params.has("oc");
    ensure!(!has, "Via is {:?}", call.came.text(Name::Via));
    is(&call.refuse(486)?, 486)
}

fn nothing_asked_of_a_phone(site: &Site) -> Verdict {
    let mut call = Ringing::begin_with(site, |invite| {
        let via = format!(
            "{};oc;oc-algo=\"loss\"",
            invite.get("Via").unwrap_or_default()
        );
        invite.set("Via", via)
    })?;
    let refused = call.refuse(486)?;
    let via = refused.via()?;
    ensure!(
        via.params.value("oc").is_none(),
        "oc is {:?}",
        via.params.value("oc")
    );
    ensure!(via.params.has("oc-algo"), "oc-algo has changed");
    Ok(())
}

#[test]
fn conforms() {
    run(&RFC);
}
