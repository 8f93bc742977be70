//! A login exchange written as a hand-rolled future, and the few lines of executor it takes to drive it.

use std::collections::VecDeque;
use std::future::Future;
use std::mem;
use std::pin::{pin, Pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{ready, Context, Poll, Wake, Waker};

#[derive(Debug, Clone, PartialEq)]
pub enum Frame {
    Hello { version: u8 },
    Challenge(u64),
    Answer(u64),
    Welcome { session: u32 },
    Goodbye(&'static str),
}

pub trait Transport {
    fn poll_send(&mut self, cx: &mut Context<'_>, frame: &Frame) -> Poll<Result<(), Closed>>;
    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Closed>>;
}

#[derive(Debug, PartialEq)]
pub struct Closed;

#[derive(Debug, PartialEq)]
pub enum LoginError {
    Disconnected,
    Refused(&'static str),
    Unexpected(Frame),
}

impl From<Closed> for LoginError {
    fn from(_: Closed) -> Self {
        LoginError::Disconnected
    }
}

enum State {
    Greeting,
    AwaitingChallenge,
    Answering(u64),
    AwaitingVerdict,
    Done,
}

pub struct Login<'t, T> {
    transport: &'t mut T,
    secret: u64,
    state: State,
}

impl<'t, T: Transport> Login<'t, T> {
    pub fn new(transport: &'t mut T, secret: u64) -> Self {
        Login { transport, secret, state: State::Greeting }
    }
}

impl<T: Transport> Future for Login<'_, T> {
    type Output = Result<u32, LoginError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            this.state = match mem::replace(&mut this.state, State::Done) {
                State::Greeting => match this.transport.poll_send(cx, &Frame::Hello { version: 2 })? {
                    Poll::Ready(()) => State::AwaitingChallenge,
                    Poll::Pending => {
                        this.state = State::Greeting;
                        return Poll::Pending;
                    }
                },
                State::AwaitingChallenge => {
                    this.state = State::AwaitingChallenge;
                    match ready!(this.transport.poll_recv(cx))? {
                        Frame::Challenge(nonce) => State::Answering(mix(nonce, this.secret)),
                        Frame::Goodbye(reason) => return Poll::Ready(Err(LoginError::Refused(reason))),
                        other => return Poll::Ready(Err(LoginError::Unexpected(other))),
                    }
                }
                State::Answering(answer) => {
                    this.state = State::Answering(answer);
                    ready!(this.transport.poll_send(cx, &Frame::Answer(answer)))?;
                    State::AwaitingVerdict
                }
                State::AwaitingVerdict => {
                    this.state = State::AwaitingVerdict;
                    let verdict = ready!(this.transport.poll_recv(cx))?;
                    this.state = State::Done;
                    return Poll::Ready(match verdict {
                        Frame::Welcome { session } => Ok(session),
                        Frame::Goodbye(reason) => Err(LoginError::Refused(reason)),
                        other => Err(LoginError::Unexpected(other)),
                    });
                }
                State::Done => panic!("login polled after it finished"),
            };
        }
    }
}

fn mix(nonce: u64, secret: u64) -> u64 {
    (nonce ^ secret.rotate_left(17)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Polls until the future is done, or gives up once it sleeps and `idle` has nothing more to do.
pub fn drive<F: Future>(future: F, mut idle: impl FnMut() -> bool) -> Option<F::Output> {
    let flag = Arc::new(Flag(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&flag));
    let mut future = pin!(future);
    loop {
        if flag.0.swap(false, Ordering::Acquire) {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return Some(output);
            }
        } else if !idle() {
            return None;
        }
    }
}

/// In-memory peer for tests: replies appear when the test lets them.
#[derive(Clone, Default)]
pub struct Loopback {
    shared: Arc<Mutex<Mailbox>>,
}

#[derive(Default)]
struct Mailbox {
    sent: Vec<Frame>,
    inbox: VecDeque<Frame>,
    reader: Option<Waker>,
}

impl Loopback {
    pub fn deliver(&self, frame: Frame) {
        let mut mailbox = self.shared.lock().unwrap();
        mailbox.inbox.push_back(frame);
        if let Some(reader) = mailbox.reader.take() {
            reader.wake();
        }
    }
}

impl Transport for Loopback {
    fn poll_send(&mut self, _: &mut Context<'_>, frame: &Frame) -> Poll<Result<(), Closed>> {
        self.shared.lock().unwrap().sent.push(frame.clone());
        Poll::Ready(Ok(()))
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, Closed>> {
        let mut mailbox = self.shared.lock().unwrap();
        match mailbox.inbox.pop_front() {
            Some(frame) => Poll::Ready(Ok(frame)),
            None => {
                mailbox.reader = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_waits_for_each_reply() {
        let wire = Loopback::default();
        let mut replies = vec![Frame::Welcome { session: 9 }, Frame::Challenge(41)];
        let mut ours = wire.clone();
        let result = drive(Login::new(&mut ours, 7), || match replies.pop() {
            Some(frame) => {
                wire.deliver(frame);
                true
            }
            None => false,
        });
        assert_eq!(result, Some(Ok(9)));
        let sent = &wire.shared.lock().unwrap().sent;
        assert_eq!(sent[..], [Frame::Hello { version: 2 }, Frame::Answer(mix(41, 7))]);
    }

    #[test]
    fn silence_is_not_a_verdict() {
        let mut wire = Loopback::default();
        assert_eq!(drive(Login::new(&mut wire, 7), || false), None);
    }
}
