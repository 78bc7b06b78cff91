//! A connection that ends if its client does not take what it is sent: a client that reads nothing, or a byte now and
//! then, would else hold memory and a place for ever. It must not know HTTP.
//!
//! Time is only counted while the kernel takes no more bytes: a stream of events that has nothing to say may be quiet for
//! as long as it likes. A plain deadline for each answer was rejected, as it would end such streams, and so was one for
//! each write: a byte just before each would hold it off for ever.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

/// A stream whose writes fail with [`io::ErrorKind::TimedOut`] if they do not go on.
#[derive(Debug)]
pub(super) struct Paced {
    stream: TcpStream,
    /// Most time that may be left.
    most: Duration,
    /// Bytes that give back a second.
    rate: u32,
    /// Time that the client may still take nothing.
    left: Duration,
    /// Since when it takes nothing, and what wakes us when its time is over.
    stalled: Option<(Instant, Pin<Box<Sleep>>)>,
}

impl Paced {
    /// `most`: longest time without progress; `rate`: bytes a second that the client must take in the long run, from 1.
    pub(super) fn new(stream: TcpStream, most: Duration, rate: u32) -> Paced {
        Paced { stream, most, rate: rate.max(1), left: most, stalled: None }
    }

    /// Takes the outcome of a write into account.
    fn account(&mut self, cx: &mut Context<'_>, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(outcome) = outcome {
            if let Some((since, _)) = self.stalled.take() {
                self.left = self.left.saturating_sub(since.elapsed());
            }
            if let Ok(bytes) = outcome {
                let earned = Duration::from_secs_f64(bytes as f64 / f64::from(self.rate));
                self.left = self.left.saturating_add(earned).min(self.most);
            }
            return Poll::Ready(outcome);
        }
        let now = Instant::now();
        let left = self.left;
        let (_, over) =
            self.stalled.get_or_insert_with(|| (now, Box::pin(tokio::time::sleep_until(now + left))));
        ready!(over.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the client does not read its answer")))
    }
}

impl AsyncRead for Paced {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Paced {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.account(cx, outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.account(cx, outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    const STALL: Duration = Duration::from_millis(300);

    fn run<T>(test: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
    }

    use std::future::Future;

    async fn pair(rate: u32) -> (Paced, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (Paced::new(listener.accept().await.unwrap().0, STALL, rate), client)
    }

    /// Writes until it is cut off.
    async fn flood(server: &mut Paced) -> io::Error {
        let bytes = [b'x'; 64 << 10];
        loop {
            if let Err(error) = server.write_all(&bytes).await {
                return error;
            }
        }
    }

    #[test]
    fn who_reads_nothing_is_cut_off() {
        run(async {
            let (mut server, _client) = pair(1).await;
            assert_eq!(flood(&mut server).await.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn who_reads_too_little_is_cut_off() {
        run(async {
            let (mut server, mut client) = pair(1 << 30).await;
            let reads = tokio::spawn(async move {
                let mut bytes = vec![0; 64 << 10];
                // More often than the stall lasts, less than the rate.
                while client.read(&mut bytes).await.is_ok_and(|read| read > 0) {
                    tokio::time::sleep(STALL / 6).await;
                }
            });
            assert_eq!(flood(&mut server).await.kind(), io::ErrorKind::TimedOut);
            drop(server);
            reads.abort();
        });
    }

    #[test]
    fn who_reads_goes_on_and_silence_costs_nothing() {
        run(async {
            let (mut server, mut client) = pair(1024).await;
            let reads = tokio::spawn(async move {
                let mut all = Vec::new();
                client.read_to_end(&mut all).await.map(|_| all.len())
            });
            let bytes = vec![b'x'; 8 << 20];
            server.write_all(&bytes).await.unwrap();
            tokio::time::sleep(STALL * 2).await;
            server.write_all(&bytes).await.unwrap();
            server.shutdown().await.unwrap();
            assert_eq!(reads.await.unwrap().unwrap(), 16 << 20);
        });
    }
}
