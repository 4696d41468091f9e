use super::*;
use proptest::prelude::*;

const BOUND: usize = 1 << 10;

/// The frames in `pieces`, and what was wrong.
fn read(pieces: &[&[u8]]) -> (Vec<String>, Result<bool, BadFrame>) {
    let mut reader = FrameReader::new(BOUND);
    let mut frames = Vec::new();
    for piece in pieces {
        let result = reader.feed(piece, &mut |frame| {
            frames.push(format!("{:?} {}", frame.texts, String::from_utf8_lossy(frame.payload)));
        });
        if let Err(bad) = result {
            assert_eq!(reader.feed(b"more", &mut |_| panic!("a frame after a failure")), Err(bad));
            return (frames, Err(bad));
        }
    }
    (frames, Ok(reader.end()))
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> =
        text.chars().filter_map(|c| c.to_digit(16)).map(|d| u8::try_from(d).unwrap()).collect();
    digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}

/// The bytes are those of AWS's own test cases for the encoding (botocore, `test_eventstream.py`).
#[test]
fn frames_of_awss_test_cases() {
    let check = |bytes: &str, expect: &str| {
        let (frames, end) = read(&[&unhex(bytes)]);
        assert_eq!((frames.concat().as_str(), end), (expect, Ok(false)), "{bytes}");
    };
    check("00000010 00000000 05c248eb 7d98c8ff", "[] ");
    check("0000001d 00000000 fd528c5a 7b27666f6f273a27626172277d c3653936", "[] {'foo':'bar'}");
    // A header of 4 bytes, which is no text.
    check(
        "0000002d 00000010 41c424b8 0a6576656e742d74797065 04 0000a00c 7b27666f6f273a27626172277d 36f480a0",
        "[] {'foo':'bar'}",
    );
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
}

#[test]
fn every_type_of_header_is_stepped_over() {
    let mut named = Vec::new();
    for (kind, length) in [(0u8, 0), (1, 0), (2, 1), (3, 2), (4, 4), (5, 8), (8, 8), (9, 16)] {
        named.extend([1, b'h', kind]);
        named.extend(std::iter::repeat_n(7, length));
    }
    named.extend([1, b'b', 6, 0, 2, 1, 2]);
    named.extend([1, b't', 7, 0, 2, b'h', b'i']);
    let (frames, end) = read(&[&raw(&named, b"p")]);
    assert_eq!((frames, end), (vec![r#"[("t", "hi")] p"#.to_owned()], Ok(false)));
    for broken in [
        &[1][..],
        &[9, b'a'],
        &[1, b'a', 10],
        &[1, b'a', 7, 0, 3, b'x'],
        &[1, 0xff, 0],
        &[1, b'a', 7, 0, 1, 0xff],
    ] {
        assert_eq!(read(&[&raw(broken, b"p")]).1, Err(BadFrame::Malformed), "{broken:?}");
    }
}

/// A frame with these bytes as its headers.
fn raw(headers: &[u8], payload: &[u8]) -> Vec<u8> {
    let mut out =
        u32::try_from(EMPTY_FRAME_BYTES + headers.len() + payload.len()).unwrap().to_be_bytes().to_vec();
    out.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
    out.extend(crc32(&out).to_be_bytes());
    out.extend_from_slice(headers);
    out.extend_from_slice(payload);
    out.extend(crc32(&out).to_be_bytes());
    out
}

/// Lengths in a prelude whose checksum is right.
fn prelude(length: u32, headers: u32) -> Vec<u8> {
    let mut out = [length.to_be_bytes(), headers.to_be_bytes()].concat();
    out.extend(crc32(&out).to_be_bytes());
    out
}

#[test]
fn what_is_no_frame_is_found_with_its_first_bytes() {
    let check = |bytes: &[u8], expect: Result<bool, BadFrame>| {
        assert_eq!(read(&[bytes]), (Vec::new(), expect), "{bytes:?}");
        assert_eq!(read(&bytes.chunks(1).collect::<Vec<_>>()), (Vec::new(), expect), "{bytes:?}");
    };
    check(b"", Ok(false));
    check(&[0], Ok(true));
    check(b"{\"message\":\"no\"}", Err(BadFrame::TooLarge));
    check(&prelude(1 << 10, 0), Ok(true));
    check(&prelude((1 << 10) + 1, 0), Err(BadFrame::TooLarge));
    check(&prelude(u32::MAX, u32::MAX), Err(BadFrame::TooLarge));
    check(&prelude(15, 0), Err(BadFrame::Malformed));
    check(&prelude(20, 5), Err(BadFrame::Malformed));
    check(&prelude(0, 0), Err(BadFrame::Malformed));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn cuts_change_nothing_and_no_flipped_bit_passes(
        all in prop::collection::vec((prop::collection::vec(("[a-z:-]{0,9}", ".{0,9}"), 0..3), prop::collection::vec(any::<u8>(), 0..40)), 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        flipped: prop::sample::Index,
    ) {
        let frames: Vec<Vec<u8>> = all.iter().map(|(headers, payload)| {
            let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            write(&headers, payload)
        }).collect();
        let body = frames.concat();
        let whole = read(&[&body]);
        prop_assert_eq!(whole.0.len(), all.len());
        prop_assert_eq!(whole.1, Ok(false));
        let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(body.len() + 1)).collect();
        places.extend([0, body.len()]);
        places.sort_unstable();
        let pieces: Vec<&[u8]> = places.windows(2).map(|pair| &body[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&read(&pieces), &whole);
        prop_assert_eq!(&read(&body.chunks(1).collect::<Vec<_>>()), &whole);

        let mut broken = body.clone();
        let bit = flipped.index(body.len() * 8);
        broken[bit / 8] ^= 1 << (bit % 8);
        let (frames, end) = read(&[&broken]);
        prop_assert!(end != Ok(false), "{frames:?}");
        prop_assert!(frames.len() < all.len());
    }
}
