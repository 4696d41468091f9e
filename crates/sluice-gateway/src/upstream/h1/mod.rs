//! HTTP/1.1 towards upstreams: the head of an answer and the framing of its body, without I/O.
//!
//! Strict where leniency would let two answers be taken for one: both a length and a transfer coding, several
//! lengths, a bare LF in the framing are errors, and the connection is not used again.

mod chunked;
mod head;

pub use chunked::{ChunkDecoder, ChunkError, Decoded};
pub use head::{AnswerHead, Framing, HeadError, parse_head};

/// Feeds one connection's bytes to the head parser and the body framing as a connection would, cut at `cut`.
/// Returns the body, or `None` where the answer is refused or incomplete. The body of a fuzz target.
#[doc(hidden)]
pub fn fuzz_answer(bytes: &[u8], cut: usize) -> Option<Vec<u8>> {
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

    use super::fuzz_answer;

    #[test]
    fn a_cut_never_changes_the_body() {
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=1\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\nT: 1\r\n\r\n";
        for cut in 0..answer.len() {
            assert_eq!(fuzz_answer(answer, cut).as_deref(), Some(&b"hello world"[..]), "cut {cut}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_survived_and_read_the_same_however_cut(
            tail in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'0'), Just(b'3'), Just(b';'), any::<u8>()], 0..80),
            cut in 0usize..80,
        ) {
            let mut answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
            answer.extend_from_slice(&tail);
            prop_assert_eq!(fuzz_answer(&answer, cut), fuzz_answer(&answer, 0));
            let _ = fuzz_answer(&tail, cut);
        }
    }
}
