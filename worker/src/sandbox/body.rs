//! Response bodies that misbehave: dripping, broken off, endless.
//! Slow headers are not here (a body begins after them) but in `pace`.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// One byte per [`DRIP`].
pub(super) fn dripping(bytes: Vec<u8>) -> Body {
    Body::new(Dripping { rest: bytes.into(), pause: Box::pin(sleep(DRIP)) })
}

/// Announces all the bytes, sends the first half and breaks off.
pub(super) fn broken_off(bytes: Vec<u8>) -> Body {
    let announced = bytes.len() as u64;
    Body::new(BrokenOff { half: Some(first_half(bytes).into()), announced, flushed: false })
}

/// The bytes, then blanks for as long as somebody reads.
pub(super) fn endless(bytes: Vec<u8>) -> Body {
    Body::new(Endless { start: Some(bytes.into()) })
}

/// The first half of the bytes.
pub(super) fn first_half(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.truncate(bytes.len() / 2);
    bytes
}

type NextFrame<E> = Poll<Option<Result<Frame<Bytes>, E>>>;

struct Dripping {
    rest: Bytes,
    pause: Pin<Box<Sleep>>,
}

impl hyper::body::Body for Dripping {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> NextFrame<io::Error> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        ready!(self.pause.as_mut().poll(context));
        self.pause = Box::pin(sleep(DRIP));
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(1)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

struct BrokenOff {
    half: Option<Bytes>,
    announced: u64,
    flushed: bool,
}

impl hyper::body::Body for BrokenOff {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> NextFrame<io::Error> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if !self.flushed {
            // hyper sends what it has only when a body makes it wait; an error at once would
            // swallow the half.
            self.flushed = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(io::Error::other("the sandbox breaks off its answer"))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.announced)
    }
}

struct Endless {
    start: Option<Bytes>,
}

impl hyper::body::Body for Endless {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> NextFrame<io::Error> {
        let bytes = self.start.take().unwrap_or_else(|| Bytes::from_static(&BLANKS));
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}

/// Slow enough that no answer of a provider ends within a minute, quick enough to watch.
pub(super) const DRIP: Duration = Duration::from_millis(200);

static BLANKS: [u8; 16 * 1024] = [b' '; 16 * 1024];
