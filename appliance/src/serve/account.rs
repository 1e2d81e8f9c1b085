//! What clients are given, told to the account of the channel or the route that it belongs to.
//!
//! A status is counted when the answer is made, bytes as they are handed on: who leaves in the
//! midst of a film has not taken all of it.

use std::{fmt::Debug, sync::Arc};

use hyper::{Response, StatusCode};

use crate::{
    counter::Shared,
    live::ServedCells,
    serve::{Again, Body, Client, Repeat},
};

/// Who counts what clients are given.
pub(crate) trait Account: Debug + Send + Sync {
    /// A request was answered with `status`.
    fn answered(&self, status: StatusCode);

    /// So many bytes of a body were handed on.
    fn sent(&self, bytes: u64);
}

impl Account for ServedCells {
    fn answered(&self, status: StatusCode) {
        let classes = [
            &self.responses_2xx,
            &self.responses_3xx,
            &self.responses_4xx,
            &self.responses_5xx,
        ];
        of_class(status, classes).add(1);
        match status {
            StatusCode::OK
            | StatusCode::PARTIAL_CONTENT
            | StatusCode::NOT_MODIFIED
            | StatusCode::PRECONDITION_FAILED
            | StatusCode::RANGE_NOT_SATISFIABLE => self.hits.add(1),
            StatusCode::NOT_FOUND => self.misses.add(1),
            _ => {}
        }
    }

    fn sent(&self, bytes: u64) {
        self.bytes_sent.add(bytes);
    }
}

/// That of `cells`, which count 2xx, 3xx, 4xx and 5xx, which counts `status`.
pub(crate) fn of_class(status: StatusCode, cells: [&Shared; 4]) -> &Shared {
    let [success, redirection, client_error, server_error] = cells;
    match status.as_u16() {
        ..300 => success,
        300..400 => redirection,
        400..500 => client_error,
        500.. => server_error,
    }
}

/// Has `account` count `response`: now, and each time it is given again.
pub(crate) fn charge(response: Response<Body>, account: &Arc<dyn Account>) -> Response<Body> {
    account.answered(response.status());
    let mut response = response.map(|body| body.charged(account));
    let status = response.status();
    Repeat::wrap(&mut response, |behind| ChargedAgain {
        account: Arc::clone(account),
        status,
        behind,
    });
    response
}

/// An answer that is counted each time.
#[derive(Debug)]
struct ChargedAgain {
    account: Arc<dyn Account>,
    status: StatusCode,
    behind: Repeat,
}

impl Again for ChargedAgain {
    fn again(&self, client: &Client) -> Option<Body> {
        let body = self.behind.again(client)?;
        self.account.answered(self.status);
        Some(body.charged(&self.account))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http_body_util::BodyExt as _;

    use super::*;

    fn answer(account: &Arc<ServedCells>, status: StatusCode, body: &'static [u8]) -> Body {
        let mut response = Response::new(Body::document(Bytes::from_static(body)));
        *response.status_mut() = status;
        let account: Arc<dyn Account> = Arc::clone(account) as _;
        charge(response, &account).into_body()
    }

    #[tokio::test]
    async fn a_status_counts_when_it_is_given_and_bytes_when_they_are_taken() {
        let account = Arc::new(ServedCells::default());
        let body = answer(&account, StatusCode::OK, b"segment");
        let answered = account.read();
        assert_eq!((answered.responses_2xx, answered.bytes_sent), (1, 0));
        body.collect().await.expect("it is whole");
        assert_eq!(account.read().bytes_sent, 7);
        drop(answer(&account, StatusCode::OK, b"not taken"));
        assert_eq!(account.read().bytes_sent, 7);
    }

    #[test]
    fn what_was_here_is_a_hit_and_what_was_not_is_a_miss() {
        let account = Arc::new(ServedCells::default());
        for (status, hits, misses) in [
            (200, 1, 0),
            (206, 2, 0),
            (304, 3, 0),
            (416, 4, 0),
            (404, 4, 1),
            (405, 4, 1),
            (503, 4, 1),
        ] {
            let status = StatusCode::from_u16(status).expect("a status");
            answer(&account, status, b"");
            let served = account.read();
            assert_eq!((served.hits, served.misses), (hits, misses), "{status}");
        }
        let served = account.read();
        assert_eq!(
            [
                served.responses_2xx,
                served.responses_3xx,
                served.responses_4xx,
                served.responses_5xx
            ],
            [2, 1, 3, 1]
        );
    }
}
