//! QR codes as SVG, drawn here: what stands in one is nobody else's business.

use std::fmt::Write as _;

use qrcodegen::{Mask, QrCode, QrCodeEcc, QrSegment, Version};

use crate::html::Html;

/// Light modules around a code, as scanners need them.
const QUIET: i32 = 4;
/// Sides of a module, whole ones, so that all are alike.
const MODULE_PX: i32 = 4;

/// The picture of a text, with what it is for; `None`: the text is too long for a code.
pub(crate) fn picture(text: &str, title: &str) -> Option<Html> {
    let code = code_of(text)?;
    let whole = code.size() + 2 * QUIET;
    let side = whole * MODULE_PX;
    // Dark on light whatever the theme: many scanners take nothing else.
    Some(Html::new(
        "<svg class=\"qr\" role=\"img\" width=\"{}\" height=\"{}\" viewBox=\"0 0 {} {}\" shape-rendering=\"crispEdges\"><title>{}</title>\
         <rect width=\"{}\" height=\"{}\" fill=\"#fff\" /><path d=\"{}\" fill=\"#000\" /></svg>",
        &[&side, &side, &whole, &whole, &title, &whole, &whole, &path(&code)],
    ))
}

fn code_of(text: &str) -> Option<QrCode> {
    let segments = [QrSegment::make_bytes(text.as_bytes())];
    let (least, most) = (Version::MIN, Version::MAX);
    QrCode::encode_segments_advanced(&segments, QrCodeEcc::Medium, least, most, None::<Mask>, false).ok()
}

/// The dark modules, a rectangle for each run of them in a row.
fn path(code: &QrCode) -> String {
    let mut path = String::new();
    for y in 0..code.size() {
        let mut from = None;
        for x in 0..=code.size() {
            // Outside of the code everything is light.
            match (from, code.get_module(x, y)) {
                (None, true) => from = Some(x),
                (Some(start), false) => {
                    // Writing into a string does not fail.
                    let _ =
                        write!(path, "M{} {}h{}v1H{}z", start + QUIET, y + QUIET, x - start, start + QUIET);
                    from = None;
                }
                _ => {}
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text, and its code as a scanner (ZXing) has read it.
    const GOLDEN: &str = include_str!("qr.golden.txt");

    /// The modules that a path draws.
    fn drawn(path: &str, size: usize) -> Vec<String> {
        let mut rows = vec![vec!['.'; size]; size];
        for run in path.split('M').skip(1) {
            let numbers: Vec<usize> =
                run.split(|c: char| !c.is_ascii_digit()).filter_map(|digits| digits.parse().ok()).collect();
            let (x, y, wide) = (numbers[0] - 4, numbers[1] - 4, numbers[2]);
            assert_eq!(numbers[3..], [1, numbers[0]], "{run}");
            rows[y][x..x + wide].fill('#');
        }
        rows.into_iter().map(|row| row.into_iter().collect()).collect()
    }

    #[test]
    fn a_code_is_what_a_scanner_has_read() {
        let (text, golden) = GOLDEN.split_once('\n').unwrap();
        let golden: Vec<&str> = golden.lines().collect();
        let code = code_of(text).unwrap();
        assert_eq!(drawn(&path(&code), golden.len()), golden);
        let html = picture(text, "a < b").unwrap();
        let whole = golden.len() + 8;
        assert!(html.as_str().contains(&format!("viewBox=\"0 0 {whole} {whole}\"")));
        assert!(html.as_str().contains("<title>a &#60; b</title>"));
    }

    #[test]
    fn what_is_too_long_has_no_picture() {
        assert!(picture(&"a".repeat(2_331), "").is_some());
        assert!(picture(&"a".repeat(2_332), "").is_none());
    }
}
