//! A connection whose writing can be slowed down to single bytes, status line and headers included.
//! Slow bodies behind ordinary headers are not here but in `body`.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use tokio::time::{Sleep, sleep};

use super::body::DRIP;

/// The switch of one connection: at full speed until told otherwise.
#[derive(Clone, Default)]
pub(super) struct Pace(Arc<AtomicBool>);

impl Pace {
    /// From now on, one byte per [`DRIP`].
    pub fn slow_down(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_slow(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

pub(super) struct Paced<T> {
    inner: T,
    pace: Pace,
    pause: Option<Pin<Box<Sleep>>>,
}

impl<T> Paced<T> {
    pub fn new(inner: T, pace: Pace) -> Self {
        Self { inner, pace, pause: None }
    }
}

impl<T: Read + Unpin> Read for Paced<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for Paced<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.pace.is_slow() {
            return Pin::new(&mut self.inner).poll_write(context, bytes);
        }
        ready!(self.pause.get_or_insert_with(|| Box::pin(sleep(DRIP))).as_mut().poll(context));
        self.pause = None;
        let one = &bytes[..bytes.len().min(1)];
        Pin::new(&mut self.inner).poll_write(context, one)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.pace.is_slow() {
            return Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        }
        let first = slices.iter().find(|slice| !slice.is_empty());
        self.poll_write(context, first.map_or(&[], |slice| slice))
    }
}
