//! One prepared call on one connection.

use std::{io, net::SocketAddr, time::Instant};

use memchr::memmem;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// What to ask for; the model's name is the kind's own (see [`crate::bench_upstream`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A request of 300 bytes, a whole answer.
    Small,
    /// A request of 4 KiB, a whole answer.
    Body4k,
    /// A request of 64 KiB, a whole answer.
    Body64k,
    /// A request of 1 MiB, a whole answer.
    Body1m,
    /// A stream as fast as it comes.
    Burst,
    /// The same from a vendor whose chunks are normalised.
    Normalised,
    /// The same from Anthropic.
    TranslatedAnthropic,
    /// The same from Gemini.
    TranslatedGemini,
    /// A stream with 5 ms between its events.
    Paced,
    /// A stream with 20 ms between its events, as models talk.
    Talk,
    /// A stream of one event that never ends.
    Idle,
}

impl Kind {
    /// Reads the name that the command line uses.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "small" => Self::Small,
            "body4k" => Self::Body4k,
            "body64k" => Self::Body64k,
            "body1m" => Self::Body1m,
            "burst" => Self::Burst,
            "normalised" => Self::Normalised,
            "translated-anthropic" => Self::TranslatedAnthropic,
            "translated-gemini" => Self::TranslatedGemini,
            "paced" => Self::Paced,
            "talk" => Self::Talk,
            "idle" => Self::Idle,
            _ => return None,
        })
    }

    fn body(self) -> String {
        let (model, bytes, stream) = match self {
            Self::Small => ("small", 300, false),
            Self::Body4k => ("small", 4 * 1024, false),
            Self::Body64k => ("small", 64 * 1024, false),
            Self::Body1m => ("small", 1024 * 1024, false),
            Self::Burst => ("burst", 300, true),
            Self::Normalised => ("normalised", 300, true),
            Self::TranslatedAnthropic => ("translated-anthropic", 300, true),
            Self::TranslatedGemini => ("translated-gemini", 300, true),
            Self::Paced => ("paced", 300, true),
            Self::Talk => ("talk", 300, true),
            Self::Idle => ("idle", 300, true),
        };
        // A stream asks for usage, so that the upstream gets the same bytes with and without a gateway in between.
        let tail = if stream { r#","stream":true,"stream_options":{"include_usage":true}}"# } else { "}" };
        let front = format!(
            r#"{{"model":"{model}","temperature":0.7,"messages":[{{"role":"system","content":"You are brief."}},{{"role":"user","content":""#
        );
        let back = format!(r#""}}]{tail}"#);
        let sentence = "The quick brown fox jumps over the lazy dog, again. ";
        let text: String = sentence.chars().cycle().take(bytes - front.len() - back.len()).collect();
        format!("{front}{text}{back}")
    }
}

/// A prepared call: the bytes of its request, and how to read the answer.
#[derive(Clone, Debug)]
pub struct Call {
    request: Vec<u8>,
    streamed: bool,
    key: Option<NumberedKey>,
}

/// The digits at the end of a key that number it.
const KEY_DIGITS: usize = 8;

/// Where the key ends in the request, and which comes next.
#[derive(Clone, Copy, Debug)]
struct NumberedKey {
    end: usize,
    next: u32,
    keys: u32,
}

/// What became of a call that may be refused.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    Answer(Times),
    /// 503, read to its end.
    Refusal(Times),
}

/// Latencies of one call, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    pub(crate) first_byte_ns: u64,
    pub(crate) total_ns: u64,
}

/// A keep-alive connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(addr: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(32 * 1024) })
    }

    /// Makes the call; `since` is when it was due.
    pub(crate) async fn call(&mut self, call: &Call, since: Instant) -> io::Result<Times> {
        match self.call_or_refusal(call, since).await? {
            Reply::Answer(times) => Ok(times),
            Reply::Refusal(_) => Err(self.refused()),
        }
    }

    /// As [`Connection::call`], where 503 is an answer too.
    pub(crate) async fn call_or_refusal(&mut self, call: &Call, since: Instant) -> io::Result<Reply> {
        self.buffer.clear();
        self.stream.write_all(&call.request).await?;
        self.read().await?;
        let first_byte_ns = elapsed_ns(since);
        while self.buffer.len() < HEAD_CHECKED.len() {
            self.read().await?;
        }
        let refused = self.buffer.starts_with(HEAD_REFUSED);
        while !self.is_complete(call.streamed && !refused)? {
            if call.streamed && self.buffer.len() > 16 * 1024 {
                // Only the head (checked by now) and the last bytes of a stream matter.
                let keep = self.buffer.len() - 8;
                self.buffer.drain(HEAD_CHECKED.len()..keep);
            }
            self.read().await?;
        }
        let times = Times { first_byte_ns, total_ns: elapsed_ns(since) };
        Ok(if refused { Reply::Refusal(times) } else { Reply::Answer(times) })
    }

    /// Starts the call and reads its first bytes alone.
    pub(crate) async fn start(&mut self, call: &Call) -> io::Result<()> {
        if self.start_or_refusal(call).await? { Ok(()) } else { Err(self.refused()) }
    }

    /// As [`Connection::start`]; `false`: it was refused.
    pub(crate) async fn start_or_refusal(&mut self, call: &Call) -> io::Result<bool> {
        self.buffer.clear();
        self.stream.write_all(&call.request).await?;
        while self.buffer.len() < HEAD_CHECKED.len() {
            self.read().await?;
        }
        if self.buffer.starts_with(HEAD_CHECKED) {
            return Ok(true);
        }
        if self.buffer.starts_with(HEAD_REFUSED) { Ok(false) } else { Err(self.refused()) }
    }

    /// Whether anything has come of the last call.
    pub(crate) fn has_answered(&self) -> bool {
        !self.buffer.is_empty()
    }

    async fn read(&mut self) -> io::Result<()> {
        match self.stream.read_buf(&mut self.buffer).await? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn refused(&self) -> io::Error {
        bad(&format!("refused: {}", String::from_utf8_lossy(&self.buffer[..self.buffer.len().min(1_000)])))
    }

    fn is_complete(&self, streamed: bool) -> io::Result<bool> {
        if !self.buffer.starts_with(HEAD_CHECKED) && !self.buffer.starts_with(HEAD_REFUSED) {
            return Err(self.refused());
        }
        if streamed {
            return Ok(self.buffer.ends_with(b"\r\n0\r\n\r\n"));
        }
        let Some(head_end) = memmem::find(&self.buffer, b"\r\n\r\n") else { return Ok(false) };
        let head = self.buffer[..head_end].to_ascii_lowercase();
        let Some(at) = memmem::find(&head, b"content-length: ") else {
            return Ok(self.buffer.ends_with(b"\r\n0\r\n\r\n"));
        };
        let digits = head[at + 16..].iter().take_while(|b| b.is_ascii_digit());
        let length = digits.fold(0, |sum: usize, digit| sum * 10 + usize::from(digit - b'0'));
        Ok(self.buffer.len() >= head_end + 4 + length)
    }
}

const HEAD_CHECKED: &[u8] = b"HTTP/1.1 200";
/// As long as the other.
const HEAD_REFUSED: &[u8] = b"HTTP/1.1 503";

impl Call {
    /// Prepares the call of this kind with `key` as the bearer.
    #[must_use]
    pub fn new(kind: Kind, key: &str) -> Self {
        let request = crate::client::post(key, "", kind.body());
        let whole = matches!(kind, Kind::Small | Kind::Body4k | Kind::Body64k | Kind::Body1m);
        Self { request, streamed: !whole, key: None }
    }

    /// The same from many callers: in place of the last digits of the key there are those of one number after the
    /// other, below `keys`.
    #[must_use]
    pub fn by_many(mut self, key: &str, keys: u32) -> Self {
        let end = memmem::find(&self.request, key.as_bytes()).map(|at| at + key.len());
        self.key = end.map(|end| NumberedKey { end, next: 0, keys: keys.max(1) });
        self
    }

    /// Connections begin with keys that are far from each other.
    pub(crate) fn start_at(&mut self, connection: u32) {
        if let Some(key) = &mut self.key {
            key.next = connection.wrapping_mul(0x9E37_79B1) % key.keys;
        }
    }

    /// Puts on the next key, where there are many.
    pub(crate) fn take_turn(&mut self) {
        let Some(NumberedKey { end, next, keys }) = &mut self.key else { return };
        let mut left = *next;
        for digit in self.request[*end - KEY_DIGITS..*end].iter_mut().rev() {
            *digit = b'0' + (left % 10) as u8;
            left /= 10;
        }
        *next = (*next + 1) % *keys;
    }
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

pub(crate) fn elapsed_ns(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
