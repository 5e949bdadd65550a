//! An answer while it is being made, and the headers that all answers have.

use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// What the body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// Nothing, or something for programs.
    Data,
    /// A page for browsers.
    Page,
}

/// An answer that is being made.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) body: Body,
    response: Response<Vec<u8>>,
}

/// What browsers are told with a page: not to guess its type, not to show it in another one, not to tell where they come
/// from, and to come by TLS the next time.
const PAGE: [(HeaderName, &str); 3] = [
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
];

impl Reply {
    pub(super) fn empty(status: StatusCode) -> Self {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = status;
        Self {
            body: Body::Data,
            response,
        }
    }

    pub(super) fn new(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Self {
        let mut reply = Self::empty(status).with(header::CONTENT_TYPE, media_type);
        *reply.response.body_mut() = body;
        reply
    }

    pub(super) fn page(text: String) -> Self {
        let body = text.into_bytes();
        let reply = Self::new(StatusCode::OK, "text/html; charset=utf-8", body);
        let reply = PAGE
            .into_iter()
            .fold(reply, |reply, (name, value)| reply.with(name, value));
        Self {
            body: Body::Page,
            ..reply
        }
    }

    /// Adds a header. Our values have no line ends, since what they are made of was checked; one that had would be left
    /// out.
    pub(super) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.response.headers_mut().append(name, value);
        }
        self
    }

    /// Ends the making.
    pub(super) fn into_response(self, head_only: bool) -> Response<Vec<u8>> {
        let mut response = self.response;
        let len = response.body().len();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(len));
        if head_only {
            response.body_mut().clear();
        }
        response
    }
}
