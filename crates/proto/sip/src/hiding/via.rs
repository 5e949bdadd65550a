//! The Via lines below ours, sealed into a parameter of ours. The seal holds beside one branch only, so that it answers
//! for no other request.

use super::OPEN_MAX;
use crate::config::Config;
use crate::msg::{Message, Name};
use crate::token::Seal;

/// The parameter of our Via.
pub(super) const PARAM: &str = "hid";
const PURPOSE: &str = "hidden via";

/// Seals the Via lines of a request, the topmost with what we noted of its sender. `branch` is the whole one of our Via.
pub(crate) fn sealed(
    config: &Config,
    request: &Message,
    noted: Option<&str>,
    branch: &str,
) -> String {
    let mut plain = Vec::new();
    for (at, via) in request.elements(Name::Via).enumerate() {
        if at > 0 {
            plain.extend_from_slice(b", ");
        }
        let noted = noted.filter(|_| at == 0);
        plain.extend_from_slice(noted.map_or(via.value, str::as_bytes));
    }
    let sealed = Seal::new(&config.keys.token, PURPOSE).close(plain, branch.as_bytes());
    format!(";{PARAM}={sealed}")
}

/// Opens what the topmost Via of a response has sealed; `None` if it is not ours.
pub(super) fn opened(config: &Config, response: &Message) -> Option<String> {
    let via = response.via().ok()?;
    let text = via.params.value(PARAM)?;
    let seal = Seal::new(&config.keys.token, PURPOSE);
    let plain = seal.open(text, via.branch()?.as_bytes(), OPEN_MAX)?;
    // A Via may hold any bytes between quotes; these become what stands for them.
    Some(String::from_utf8_lossy(&plain).into_owned())
}
