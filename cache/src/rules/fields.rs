//! Fields that end with a connection, and lists in fields.
//!
//! Source: RFC 9110 §7.6.1, §5.6.1.

use http::HeaderMap;

/// The fields of a request that may be forwarded: without those that end with the connection.
pub fn forwarded_request_headers(headers: &HeaderMap) -> HeaderMap {
    let _ = headers;
    todo!()
}

/// The same of a response.
pub fn forwarded_response_headers(headers: &HeaderMap) -> HeaderMap {
    let _ = headers;
    todo!()
}
