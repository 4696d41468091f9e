//! What happened one after the other and at the same time.

use super::{percent, scale::round_up, trimmed};
use crate::{format, html::Html};

const ROW_PX: f64 = 38.0;
const BAR_PX: f64 = 12.0;
const ABOVE_PX: f64 = 18.0;

/// A stretch of time of a row, in milliseconds from the beginning of all.
#[derive(Clone, Debug, PartialEq)]
pub struct Bar {
    pub from_ms: f64,
    pub to_ms: f64,
    /// `good`, `warn`, `bad`, `accent`, `soft`, `idle`.
    pub class: &'static str,
    /// What it is.
    pub label: String,
}

/// One attempt, or the like.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub label: String,
    /// Behind the label, such as how it ended.
    pub note: String,
    /// Behind the note, where there is room for it.
    pub more: String,
    pub bars: Vec<Bar>,
}

/// Rows of bars over one axis of time.
#[derive(Clone, Debug, PartialEq)]
pub struct Waterfall {
    /// What it shows, for those who cannot see it.
    pub title: String,
    pub total_ms: f64,
    pub rows: Vec<Row>,
}

impl Waterfall {
    /// A `<figure>`.
    #[must_use]
    pub fn html(&self) -> Html {
        let ends = self.rows.iter().flat_map(|row| &row.bars).map(|bar| bar.to_ms);
        let (end, step) = round_up(ends.fold(self.total_ms, f64::max), false);
        let height = ABOVE_PX + ROW_PX * self.rows.len() as f64;
        let mut html = Html::new(
            "<figure class=\"chart\"><svg width=\"100%\" height=\"{}\" role=\"img\" aria-label=\"{}\">",
            &[&trimmed(height), &self.describe()],
        );
        let lines = (end / step).round() as usize;
        for index in 0..=lines {
            let x = percent(index as f64 / lines as f64);
            html.push(
                "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{}\" y2=\"{}\"/>",
                &[&x, &x, &ABOVE_PX, &trimmed(height)],
            );
            let (anchor, class) = match index {
                0 => ("start", ""),
                index if index == lines => ("end", ""),
                index => ("middle", if index % 2 == 1 { "thin" } else { "" }),
            };
            html.push(
                "<text class=\"{}\" x=\"{}\" y=\"11\" text-anchor=\"{}\">{}</text>",
                &[&class, &x, &anchor, &axis_text(index as f64 * step)],
            );
        }
        for (index, row) in self.rows.iter().enumerate() {
            row.draw(&mut html, ABOVE_PX + index as f64 * ROW_PX, end);
        }
        html.push("</svg></figure>", &[]);
        html
    }

    /// All of it in words.
    fn describe(&self) -> String {
        let mut text = self.title.clone();
        for row in &self.rows {
            text.push_str(&format!("; {}, {}{}", row.label, row.note, row.more));
            for bar in &row.bars {
                let (from, length) =
                    (format::duration(bar.from_ms), format::duration(bar.to_ms - bar.from_ms));
                text.push_str(&format!(", {} {from} + {length}", bar.label));
            }
        }
        text
    }
}

fn axis_text(ms: f64) -> String {
    if ms == 0.0 { "0".to_owned() } else { format::duration(ms) }
}

impl Row {
    fn draw(&self, html: &mut Html, top: f64, end: f64) {
        html.push(
            "<text class=\"name\" x=\"0\" y=\"{}\">{} <tspan class=\"aside\">{}</tspan>",
            &[&trimmed(top + 14.0), &self.label, &self.note],
        );
        if !self.more.is_empty() {
            html.push("<tspan class=\"aside thin\">{}</tspan>", &[&self.more]);
        }
        html.push("</text>", &[]);
        for bar in &self.bars {
            let from = (bar.from_ms / end).clamp(0.0, 1.0);
            let length = ((bar.to_ms - bar.from_ms) / end).clamp(0.002, 1.0).min(1.0 - from).max(0.002);
            let tip = format!(
                "{}\n{}\t{} – {}\n\t{}",
                self.label,
                bar.label,
                format::duration(bar.from_ms),
                format::duration(bar.to_ms),
                format::duration(bar.to_ms - bar.from_ms)
            );
            html.push(
                "<rect class=\"fill {}\" x=\"{}\" width=\"{}\" y=\"{}\" height=\"{}\" rx=\"2\"/>\
                 <rect class=\"hit\" x=\"{}\" width=\"{}\" y=\"{}\" height=\"{}\" data-tip=\"{}\"/>",
                &[
                    &bar.class,
                    &percent(from),
                    &percent(length),
                    &trimmed(top + 19.0),
                    &BAR_PX,
                    &percent(from),
                    &percent(length),
                    &trimmed(top),
                    &ROW_PX,
                    &tip,
                ],
            );
        }
    }
}
