//! One exchange from the question to the response, with whatever goes wrong on the way.
//! The words of each protocol are not here but in `quartile` and `rfc6749`.

use std::future;

use axum::{body::Body, response::Response};

use super::{
    answer::Answer,
    body,
    connection::Manner,
    fault::Fault,
    ledger::Issued,
    provider::{Asked, Provider, Refusal},
};

/// How a protocol words an outcome.
pub(super) type Wording = fn(&Provider, Result<Issued, Refusal>) -> Answer;

/// Processes an exchange unless the fault of the moment forbids it, waits for the latency, and
/// answers.
/// A client that goes away meanwhile has been served all the same: the tokens are rotated before
/// the wait.
pub(super) async fn run(
    provider: &Provider,
    asked: Result<Asked, Refusal>,
    wording: Wording,
) -> Response {
    let fault = provider.begin(asked.as_ref());
    let fault = fault.as_deref();
    let answer = if fault.is_none_or(Fault::is_processed) {
        wording(provider, provider.settle(asked))
    } else {
        Answer::bytes(500, &[], Vec::new())
    };
    let latency = provider.lock().latency;
    if !latency.is_zero() {
        tokio::time::sleep(latency).await;
    }
    match fault {
        None => answer.into_response(),
        Some(Fault::Hang { .. }) => future::pending().await,
        Some(fault) => spoil(fault, answer),
    }
}

fn spoil(fault: &Fault, answer: Answer) -> Response {
    match fault {
        Fault::Status { status, headers, body } => {
            Answer::bytes(*status, headers, body.clone()).into_response()
        }
        Fault::Redirect { location, status } => Answer::bytes(*status, &[], Vec::new())
            .with_header("location", location)
            .into_response(),
        Fault::AnswerAs { rewrite } => rewrite.apply(answer).into_response(),
        Fault::Hang { .. } | Fault::Cut { .. } => Manner::Cut.mark(answer.into_response()),
        Fault::Drip => answer.into_response_with(body::dripping),
        Fault::DripHeaders => Manner::Slow.mark(answer.into_response()),
        Fault::Truncated { cut: true } => answer.into_response_with(body::broken_off),
        Fault::Truncated { cut: false } => {
            answer.into_response_with(|bytes| Body::from(body::first_half(bytes)))
        }
        Fault::Endless => answer.into_response_with(body::endless),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt;

    use super::Fault;
    use crate::sandbox::{
        Rewrite, Sandbox, Settings,
        test_client::{ask_refresh, login, refresh},
    };

    async fn sandbox_with(fault: Fault) -> (Sandbox, String) {
        let sandbox = Sandbox::start(Settings::default()).await.unwrap();
        sandbox.next_answer(fault);
        let token = sandbox.issue_grant();
        (sandbox, token)
    }

    #[tokio::test]
    async fn a_cut_answer_is_no_byte_and_has_rotated_or_not() {
        for processed in [false, true] {
            let (sandbox, token) = sandbox_with(Fault::Cut { processed }).await;
            let reply = refresh(&sandbox, &token).await;
            assert!(reply.head.is_empty() && reply.body.is_empty());
            assert_eq!(sandbox.is_spendable(&token), !processed);
            assert_eq!(sandbox.newest_refresh_token().as_ref() != Some(&token), processed);
            assert_eq!(sandbox.counts().refreshes, u64::from(processed));
            assert_eq!((sandbox.counts().exchanges, sandbox.spends_of(&token)), (1, 1));
        }
    }

    #[tokio::test]
    async fn a_hanging_exchange_is_never_answered() {
        let (sandbox, token) = sandbox_with(Fault::Hang { processed: true }).await;
        let mut stream = ask_refresh(&sandbox, &token).await;
        while sandbox.counts().refreshes == 0 {
            tokio::task::yield_now().await;
        }
        let silence = tokio::time::timeout(Duration::from_millis(50), stream.read_u8()).await;
        assert!(silence.is_err());
    }

    #[tokio::test]
    async fn a_status_is_answered_instead_and_nothing_rotates() {
        let headers = vec![
            ("retry-after".to_owned(), "3".to_owned()),
            ("not allowed\n".to_owned(), "x".to_owned()),
        ];
        let fault = Fault::Status { status: 429, headers, body: b"<html>".to_vec() };
        let (sandbox, token) = sandbox_with(fault).await;
        let reply = refresh(&sandbox, &token).await;
        assert_eq!((reply.status, reply.body.as_slice()), (429, b"<html>".as_slice()));
        assert!(reply.head.contains("retry-after: 3\r\n"), "{}", reply.head);
        assert!(sandbox.is_spendable(&token));
        assert_eq!(refresh(&sandbox, &token).await.status, 201);
    }

    #[tokio::test]
    async fn a_redirect_names_its_target() {
        let fault = Fault::Redirect { location: "http://elsewhere.test/".to_owned(), status: 307 };
        let (sandbox, token) = sandbox_with(fault).await;
        let reply = refresh(&sandbox, &token).await;
        assert_eq!(reply.status, 307);
        assert!(reply.head.contains("location: http://elsewhere.test/\r\n"));
        assert!(sandbox.is_spendable(&token));
    }

    #[tokio::test]
    async fn a_rewritten_answer_has_rotated() {
        let rewrite = Rewrite::default().set("/authorization/expires_in", "3600").status(200);
        let (sandbox, token) = sandbox_with(Fault::AnswerAs { rewrite }).await;
        let reply = refresh(&sandbox, &token).await;
        assert_eq!((reply.status, reply.text("/authorization/expires_in").as_str()), (200, "3600"));
        assert_eq!(sandbox.newest_refresh_token(), Some(reply.text("/refresh/token")));
    }

    #[tokio::test]
    async fn queued_faults_come_first_then_the_standing_one_then_truth() {
        let (sandbox, _) = sandbox_with(Fault::AnswerAs { rewrite: Rewrite::default() }).await;
        sandbox.next_answer(Fault::Truncated { cut: false });
        sandbox.every_answer(Some(Fault::Cut { processed: false }));
        assert_eq!(login(&sandbox).await.status, 201);
        assert!(serde_json::from_slice::<serde_json::Value>(&login(&sandbox).await.body).is_err());
        assert_eq!(login(&sandbox).await.status, 0);
        assert_eq!(login(&sandbox).await.status, 0);
        sandbox.every_answer(None);
        assert_eq!(login(&sandbox).await.status, 201);
        assert_eq!((sandbox.counts().exchanges, sandbox.counts().logins), (5, 3));
    }

    #[tokio::test]
    async fn a_truncated_answer_is_half_of_what_it_announces_or_half_of_its_json() {
        for cut in [false, true] {
            let (sandbox, token) = sandbox_with(Fault::Truncated { cut }).await;
            let reply = refresh(&sandbox, &token).await;
            let announced = reply.head.split("content-length: ").nth(1).unwrap();
            let announced: usize = announced.lines().next().unwrap().parse().unwrap();
            let sent = reply.body.len();
            assert!(sent > 100, "{sent}");
            assert_eq!(announced / if cut { 2 } else { 1 }, sent);
        }
    }

    #[tokio::test]
    async fn a_dripping_body_comes_byte_by_byte_behind_whole_headers() {
        let (sandbox, token) = sandbox_with(Fault::Drip).await;
        let mut stream = ask_refresh(&sandbox, &token).await;
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            head.push(char::from(stream.read_u8().await.unwrap()));
        }
        let mut buffer = [0; 1024];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 1);
        assert_eq!(buffer[0], b'{');
    }

    #[tokio::test]
    async fn dripping_headers_come_byte_by_byte() {
        let (sandbox, token) = sandbox_with(Fault::DripHeaders).await;
        let mut stream = ask_refresh(&sandbox, &token).await;
        let mut buffer = [0; 1024];
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 1);
        assert_eq!(buffer[0], b'H');
        assert_eq!(sandbox.counts().refreshes, 1);
    }

    #[tokio::test]
    async fn an_endless_body_goes_on_after_the_answer() {
        let (sandbox, token) = sandbox_with(Fault::Endless).await;
        let mut stream = ask_refresh(&sandbox, &token).await;
        let mut buffer = vec![0; 4 << 20];
        stream.read_exact(&mut buffer).await.unwrap();
        assert!(buffer.ends_with(b"    "));
        let newest = sandbox.newest_refresh_token().unwrap();
        assert!(String::from_utf8_lossy(&buffer).contains(&newest));
    }

    #[tokio::test]
    async fn tokens_are_rotated_before_the_latency() {
        let settings = Settings { latency: Duration::from_hours(1), ..Settings::default() };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let token = sandbox.issue_grant();
        let stream = ask_refresh(&sandbox, &token).await;
        while sandbox.counts().refreshes == 0 {
            tokio::task::yield_now().await;
        }
        drop(stream);
        sandbox.set_latency(Duration::ZERO);
        assert_eq!(refresh(&sandbox, &token).await.status, 401);
    }
}
