//! What media are, by their first bytes. What a server says of them is not asked: what is sent on must be what it is
//! said to be, and must be media at all.

/// The media type; `None` for everything that models do not take.
pub(super) fn media_type(content: &[u8]) -> Option<&'static str> {
    let at = |offset: usize, mark: &[u8]| content.get(offset..).is_some_and(|rest| rest.starts_with(mark));
    let begins = [
        (&b"\x89PNG\r\n\x1a\n"[..], "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF87a", "image/gif"),
        (b"GIF89a", "image/gif"),
        (b"%PDF-", "application/pdf"),
        (b"OggS", "audio/ogg"),
        (b"fLaC", "audio/flac"),
        (b"ID3", "audio/mpeg"),
        (b"\xff\xfb", "audio/mpeg"),
        (b"\xff\xf3", "audio/mpeg"),
        (b"\xff\xf2", "audio/mpeg"),
        (b"\x1aE\xdf\xa3", "video/webm"),
    ];
    if let Some((_, found)) = begins.iter().find(|(mark, _)| content.starts_with(mark)) {
        return Some(found);
    }
    let inner = [
        (&b"RIFF"[..], 0, &b"WEBP"[..], "image/webp"),
        (b"RIFF", 0, b"WAVE", "audio/wav"),
        (b"ftyp", 4, b"heic", "image/heic"),
        (b"ftyp", 4, b"heix", "image/heic"),
        (b"ftyp", 4, b"mif1", "image/heif"),
        (b"ftyp", 4, b"M4A ", "audio/mp4"),
        (b"ftyp", 4, b"qt  ", "video/quicktime"),
        (b"ftyp", 4, b"iso", "video/mp4"),
        (b"ftyp", 4, b"mp4", "video/mp4"),
        (b"ftyp", 4, b"avc1", "video/mp4"),
        (b"ftyp", 4, b"M4V ", "video/mp4"),
    ];
    inner.iter().find(|(outer, offset, mark, _)| at(*offset, outer) && at(8, mark)).map(|(.., found)| *found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_seen() {
        let check =
            |content: &[u8], expect: Option<&str>| assert_eq!(media_type(content), expect, "{content:?}");
        check(b"\x89PNG\r\n\x1a\nrest", Some("image/png"));
        check(b"\xff\xd8\xff\xe0", Some("image/jpeg"));
        check(b"GIF89a", Some("image/gif"));
        check(b"RIFF\0\0\0\0WEBPVP8 ", Some("image/webp"));
        check(b"RIFF\0\0\0\0WAVEfmt ", Some("audio/wav"));
        check(b"RIFF\0\0\0\0AVI ", None);
        check(b"\0\0\0\x18ftypisom", Some("video/mp4"));
        check(b"\0\0\0\x18ftypheic", Some("image/heic"));
        check(b"%PDF-1.7", Some("application/pdf"));
        check(b"", None);
        check(b"GIF", None);
        check(b"<html>", None);
        check(b"<svg xmlns='http://www.w3.org/2000/svg'/>", None);
        check(b"{\"AccessKeyId\":\"A\"}", None);
    }
}
