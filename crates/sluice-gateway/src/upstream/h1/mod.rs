//! HTTP/1.1 towards upstreams: the head of an answer and the framing of its body, without I/O.
//!
//! Strict where leniency would let two answers be taken for one: both a length and a transfer coding, several
//! lengths, a bare LF in the framing are errors, and the connection is not used again.

mod chunked;
mod head;

pub use chunked::{ChunkDecoder, ChunkError, Decoded};
pub use head::{AnswerHead, Framing, HeadError, MediaType, parse_head};

/// The body of a fuzz target: an answer is read the same however its bytes are cut, and any bytes are survived. The
/// first byte says where the cut is.
///
/// # Panics
/// When the two readings differ.
#[doc(hidden)]
pub fn fuzz_answer(data: &[u8]) {
    let Some((cut, answer)) = data.split_first() else { return };
    assert_eq!(body_of(answer, usize::from(*cut)), body_of(answer, 0), "a cut changed the body");
}

/// The body of an answer as a connection would read it, its bytes cut in two. `None` where it is refused or incomplete.
fn body_of(bytes: &[u8], cut: usize) -> Option<Vec<u8>> {
    let (head, at) = parse_head(bytes).ok()??;
    let body = &bytes[at..];
    match head.framing {
        Framing::Length(n) => usize::try_from(n).ok().and_then(|n| body.get(..n)).map(<[u8]>::to_vec),
        Framing::UntilClose => Some(body.to_vec()),
        Framing::Chunked => {
            let mut decoder = ChunkDecoder::default();
            let mut out = Vec::new();
            let (first, second) = body.split_at(cut.min(body.len()));
            for part in [first, second] {
                let mut part = part.to_vec();
                let mut from = 0;
                while from < part.len() && !decoder.is_done() {
                    let decoded = decoder.decode_in_place(&mut part[from..]).ok()?;
                    out.extend_from_slice(&part[from + decoded.start..from + decoded.end]);
                    from += decoded.consumed;
                }
            }
            decoder.is_done().then_some(out)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{body_of, fuzz_answer};

    #[test]
    fn a_cut_never_changes_the_body() {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nT: 1\r\n\r\n";
        for cut in 0..answer.len() {
            assert_eq!(body_of(answer, cut).as_deref(), Some(&b"hello world"[..]), "cut {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_read_the_same_however_cut(
            tail in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'3'), Just(b';'), any::<u8>()], 0..80),
            cut in 0u8..80,
        ) {
            let mut answer = vec![cut];
            answer.extend_from_slice(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            answer.extend_from_slice(&tail);
            fuzz_answer(&answer);
            fuzz_answer(&tail);
        }
    }
}
