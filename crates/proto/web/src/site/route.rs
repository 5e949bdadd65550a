//! Which resource a request is for: by the host that it names and by its path.
//!
//! A host that is not of this site is refused before anything else is looked at, and nothing in the answer says which
//! hosts there are. Paths of services are compared without case, as clients of the original write them both ways.

use http::Method;
use http::request::Parts;

use super::config::{Config, Short};
use crate::Location;
use crate::check::{self, Fault};

/// The root of autodiscover.
pub(super) const ROOT: &str = "/Autodiscover/AutodiscoverService.svc/root";
/// The document of one user.
pub(super) const USER: &str = concat!("/Autodiscover/AutodiscoverService.svc/root", "/user");
/// The document of a domain.
pub(super) const DOMAIN: &str = concat!("/Autodiscover/AutodiscoverService.svc/root", "/domain");
/// Where a password is exchanged for a ticket.
pub(super) const TICKET: &str = "/WebTicket/Ticket";
/// Where a signing request is exchanged for a certificate.
pub(super) const CERTIFICATES: &str = "/CertProv/Certificates";
/// How the machine is.
pub(super) const HEALTH: &str = "/health";

/// What a site serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource {
    /// Autodiscover: where to begin.
    Root,
    /// Autodiscover: one user.
    User,
    /// Autodiscover: a domain.
    Domain,
    /// Sign-in.
    Ticket,
    /// Certificates of users.
    Certificates,
    /// The page of a meeting.
    Meet,
    /// The page of dial-in numbers.
    Dialin,
    /// The page for administrators.
    Admin,
    /// How the machine is.
    Health,
}

impl Resource {
    /// Every resource.
    pub const ALL: [Self; 9] = [
        Self::Root,
        Self::User,
        Self::Domain,
        Self::Ticket,
        Self::Certificates,
        Self::Meet,
        Self::Dialin,
        Self::Admin,
        Self::Health,
    ];

    /// Returns its name for counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Root => "autodiscover_root",
            Self::User => "autodiscover_user",
            Self::Domain => "autodiscover_domain",
            Self::Ticket => "ticket",
            Self::Certificates => "certificates",
            Self::Meet => "meet",
            Self::Dialin => "dialin",
            Self::Admin => "admin",
            Self::Health => "health",
        }
    }

    /// The value of Allow.
    pub(super) const fn allow(self) -> &'static str {
        match self {
            Self::Ticket | Self::Certificates => "POST",
            Self::Root
            | Self::User
            | Self::Domain
            | Self::Meet
            | Self::Dialin
            | Self::Admin
            | Self::Health => "GET, HEAD",
        }
    }

    pub(super) fn allows(self, method: &Method) -> bool {
        match self {
            Self::Ticket | Self::Certificates => method == Method::POST,
            Self::Root
            | Self::User
            | Self::Domain
            | Self::Meet
            | Self::Dialin
            | Self::Admin
            | Self::Health => [Method::GET, Method::HEAD].contains(method),
        }
    }
}

/// Why a request is for nothing here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It can be read in two ways, or not at all.
    Bad(Fault),
    /// It names a host of somebody else: 421.
    Misdirected,
    /// There is nothing of this path: 404.
    Nothing,
}

/// A request that found its resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found<'a> {
    pub(super) resource: Resource,
    /// The host, without its port.
    pub(super) host: &'a str,
    /// The path after a short address: `/user/id` of a meeting, or nothing.
    pub(super) rest: &'a str,
    /// The domain of a meeting.
    pub(super) domain: Option<&'a str>,
}

/// Finds the resource that a request is for.
pub(super) fn find<'a>(
    config: &'a Config,
    location: Location,
    parts: &'a Parts,
) -> Result<Found<'a>, Lost> {
    let asked = check::request(parts).map_err(Lost::Bad)?;
    let place = config.place(location).ok_or(Lost::Misdirected)?;
    let is = |name: &str| asked.host.is(name);
    let serves = is(&place.web) || place.names.iter().any(|name| is(name));
    let discovers = place.discover.iter().any(|name| is(name));
    let shorts = shorts(config, location).filter(|one| is(&one.short.host));
    let mut shorts = shorts.peekable();
    if !serves && !discovers && shorts.peek().is_none() {
        return Err(Lost::Misdirected);
    }
    let path = asked.path;
    let found = |resource, rest, domain| Found {
        resource,
        host: asked.host.name,
        rest,
        domain,
    };
    let service = service(path, discovers).filter(|_| serves || discovers);
    if let Some(resource) = service {
        return Ok(found(resource, "", None));
    }
    let mut candidates = shorts.filter_map(|one| Some((below(path, &one.short.path)?, one)));
    let (rest, one) = candidates.next().ok_or(Lost::Nothing)?;
    if one.resource != Resource::Meet && !rest.is_empty() {
        return Err(Lost::Nothing);
    }
    Ok(found(one.resource, rest, one.domain))
}

struct ShortOf<'a> {
    resource: Resource,
    short: &'a Short,
    domain: Option<&'a str>,
}

/// The short addresses of a site; no address begins with another one.
fn shorts(config: &Config, location: Location) -> impl Iterator<Item = ShortOf<'_>> {
    let of = |resource, short, domain| ShortOf {
        resource,
        short,
        domain,
    };
    let meet = config.meet.iter();
    let meet = meet.map(move |(domain, short)| of(Resource::Meet, short, Some(&**domain)));
    let dialin = config.dialin.iter();
    let admin = config
        .admin
        .iter()
        .filter(move |_| location == Location::Inside);
    meet.chain(dialin.map(move |short| of(Resource::Dialin, short, None)))
        .chain(admin.map(move |short| of(Resource::Admin, short, None)))
}

/// What follows a prefix of whole segments; a slash alone is nothing.
fn below<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    let (front, rest) = path.split_at_checked(prefix.len())?;
    let fits = front.eq_ignore_ascii_case(prefix) && (rest.is_empty() || rest.starts_with('/'));
    fits.then(|| if rest == "/" { "" } else { rest })
}

/// The services; names of discovery also answer at the very top, where clients ask first.
fn service(path: &str, discovers: bool) -> Option<Resource> {
    if discovers && path == "/" {
        return Some(Resource::Root);
    }
    let services = [
        (ROOT, Resource::Root),
        (USER, Resource::User),
        (DOMAIN, Resource::Domain),
        (TICKET, Resource::Ticket),
        (CERTIFICATES, Resource::Certificates),
        (HEALTH, Resource::Health),
    ];
    let mut services = services.into_iter();
    services
        .find(|(own, _)| path.eq_ignore_ascii_case(own))
        .map(|(_, resource)| resource)
}
