//! A line the size of a word.

use super::trimmed;
use crate::html::Html;

const WIDTH: f64 = 100.0;
const HEIGHT: f64 = 20.0;

/// The course of some numbers; `label` says what they are.
#[must_use]
pub fn spark(values: &[Option<f64>], label: &str) -> Html {
    let largest = values.iter().flatten().copied().fold(0.0, f64::max);
    let step = WIDTH / (values.len().max(2) - 1) as f64;
    let mut path = String::new();
    let mut pen_down = false;
    for (at, value) in values.iter().enumerate() {
        let Some(value) = value.filter(|value| value.is_finite()) else {
            pen_down = false;
            continue;
        };
        let y = if largest > 0.0 { HEIGHT - value.max(0.0) / largest * HEIGHT } else { HEIGHT };
        path.push(if pen_down { 'L' } else { 'M' });
        path.push_str(&format!("{} {}", trimmed(at as f64 * step), trimmed(y)));
        pen_down = true;
    }
    Html::new(
        "<span class=\"chart\"><svg class=\"spark\" viewBox=\"0 -2 100 24\" preserveAspectRatio=\"none\" role=\"img\" \
         aria-label=\"{}\"><path class=\"line s0\" d=\"{}\"/></svg></span>",
        &[&label, &path],
    )
}
