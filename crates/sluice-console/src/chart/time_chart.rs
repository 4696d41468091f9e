//! Series over time: lines, stacked bars, stacked areas.

use super::{
    COLOURS, percent,
    scale::{Unit, moments, round_up},
    trimmed,
};
use crate::{format, html::Html};

/// Room above the plot for half of the highest label and below it for the moments, in pixels.
const ABOVE: f64 = 7.0;
const BELOW: f64 = 18.0;
const DAY_MS: u64 = 86_400_000;
/// How wide a letter of a label is, at most.
const LETTER_PX: f64 = 6.6;
/// The width of the inner picture that lines are drawn in, before it is stretched.
const WIDTH: f64 = 1000.0;

/// Numbers over time under one name.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    /// One for each step; `None` where there is none.
    pub values: Vec<Option<f64>>,
    /// What the legend says behind the name; may be empty.
    pub total: String,
}

impl Series {
    fn value(&self, at: usize) -> f64 {
        self.values.get(at).copied().flatten().filter(|value| value.is_finite()).unwrap_or(0.0)
    }
}

/// How the series are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A line each; `band` fills the room between two of them.
    Lines { band: Option<(usize, usize)> },
    /// Bars on top of one another.
    Bars,
    /// Areas on top of one another.
    Areas,
}

/// A chart over time.
#[derive(Clone, Debug)]
pub struct TimeChart<'a> {
    /// What it shows, for those who cannot see it.
    pub title: String,
    pub kind: Kind,
    pub unit: Unit<'a>,
    /// Of the first step, in milliseconds since the Unix epoch.
    pub start_ms: u64,
    /// Length of a step.
    pub step_ms: u64,
    pub zone_minutes: i32,
    pub series: Vec<Series>,
    /// Where each step leads; empty: nowhere.
    pub links: Vec<String>,
    /// In pixels.
    pub height: u32,
}

/// The first series as they are, the others as one under the name `others`: there are not more colours. `total` writes
/// the sum of a series.
#[must_use]
pub fn gathered(mut series: Vec<Series>, others: &str, total: impl Fn(f64) -> String) -> Vec<Series> {
    if series.len() > COLOURS {
        let rest = series.split_off(COLOURS - 1);
        let steps = rest.iter().map(|one| one.values.len()).max().unwrap_or_default();
        let values = (0..steps).map(|at| Some(rest.iter().map(|one| one.value(at)).sum())).collect();
        series.push(Series { name: format!("{others} ({})", rest.len()), values, total: String::new() });
    }
    for one in &mut series {
        one.total = total(one.values.iter().flatten().sum());
    }
    series
}

impl TimeChart<'_> {
    /// A `<figure>` with the picture and its legend.
    #[must_use]
    pub fn html(&self) -> Html {
        let steps = self.steps();
        let (end, step) = round_up(self.largest(), self.unit.is_whole());
        let plot = Plot { height: f64::from(self.height) - ABOVE - BELOW, steps, end };
        let mut html = Html::new("<figure class=\"chart\"><div class=\"plot\">", &[]);
        self.axis(&mut html, &plot, step);
        html.push(
            "<svg height=\"{}\" width=\"100%\" role=\"img\" aria-label=\"{}\">",
            &[&self.height, &self.title],
        );
        self.lines_of_values(&mut html, &plot, step);
        self.names_of_moments(&mut html);
        match self.kind {
            Kind::Bars => self.bars(&mut html, &plot),
            Kind::Areas => self.areas(&mut html, &plot),
            Kind::Lines { band } => self.lines(&mut html, &plot, band),
        }
        self.hits(&mut html, &plot);
        html.push("</svg></div>", &[]);
        self.legend(&mut html);
        html.push("</figure>", &[]);
        html
    }

    fn steps(&self) -> usize {
        self.series.iter().map(|one| one.values.len()).max().unwrap_or(0).max(1)
    }

    fn largest(&self) -> f64 {
        let at = |at: usize| match self.kind {
            Kind::Lines { .. } => self.series.iter().map(|one| one.value(at)).fold(0.0, f64::max),
            _ => self.series.iter().map(|one| one.value(at)).sum(),
        };
        (0..self.steps()).map(at).fold(0.0, f64::max)
    }

    fn lines_of_values(&self, html: &mut Html, plot: &Plot, step: f64) {
        for index in 0..=plot.lines(step) {
            let y = trimmed(ABOVE + plot.y(index as f64 * step));
            html.push("<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{}\" y2=\"{}\"/>", &[&y, &y]);
        }
    }

    /// The names of the values, in a picture of their own beside the plot: as wide as they are.
    fn axis(&self, html: &mut Html, plot: &Plot, step: f64) {
        let texts: Vec<(f64, String)> = (0..=plot.lines(step))
            .map(|index| index as f64 * step)
            .map(|value| (value, if value == 0.0 { "0".to_owned() } else { self.unit.axis_text(value) }))
            .collect();
        let letters = texts.iter().map(|(_, text)| text.chars().count()).max().unwrap_or_default();
        let width = letters as f64 * LETTER_PX + 6.0;
        html.push(
            "<svg class=\"axis\" width=\"{}\" height=\"{}\" aria-hidden=\"true\">",
            &[&trimmed(width), &self.height],
        );
        for (value, text) in texts {
            html.push(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                &[&trimmed(width - 6.0), &trimmed(ABOVE + plot.y(value) + 4.0), &text],
            );
        }
        html.push("</svg>", &[]);
    }

    fn names_of_moments(&self, html: &mut Html) {
        let end_ms = self.start_ms.saturating_add(self.step_ms.saturating_mul(self.steps() as u64));
        let mut moments = moments(self.start_ms, end_ms, self.zone_minutes);
        // A day is named below its middle, an hour at its beginning.
        let shift = if self.step_ms >= DAY_MS { 0.5 / self.steps() as f64 } else { 0.0 };
        moments.iter_mut().for_each(|(place, _)| *place += shift);
        moments.retain(|(place, _)| *place <= 1.0);
        let many = moments.len() > 5;
        for (index, (place, name)) in moments.iter().enumerate() {
            let anchor = match place {
                place if *place < 0.03 => "start",
                place if *place > 0.97 => "end",
                _ => "middle",
            };
            let class = if many && index % 2 == 1 { "thin" } else { "" };
            html.push(
                "<text class=\"{}\" x=\"{}\" y=\"{}\" text-anchor=\"{}\">{}</text>",
                &[&class, &percent(*place), &(self.height - 4), &anchor, name],
            );
        }
    }

    fn bars(&self, html: &mut Html, plot: &Plot) {
        let share = 1.0 / plot.steps as f64;
        let gap = if plot.steps > 100 { 0.0 } else { share * 0.1 };
        for at in 0..plot.steps {
            let mut below = 0.0;
            for (index, one) in self.series.iter().enumerate() {
                let value = one.value(at).max(0.0);
                if value > 0.0 {
                    let (y, foot) = (plot.y(below + value), plot.y(below));
                    html.push(
                        "<rect class=\"fill s{}\" x=\"{}\" width=\"{}\" y=\"{}\" height=\"{}\"/>",
                        &[
                            &(index % COLOURS),
                            &percent(at as f64 * share + gap),
                            &percent(share - 2.0 * gap),
                            &trimmed(ABOVE + y),
                            // What is there can be seen.
                            &trimmed((foot - y).max(0.75)),
                        ],
                    );
                }
                below += value;
            }
        }
    }

    fn areas(&self, html: &mut Html, plot: &Plot) {
        plot.open(html);
        let mut below = vec![0.0; plot.steps];
        for (index, one) in self.series.iter().enumerate() {
            let above: Vec<f64> = (0..plot.steps).map(|at| below[at] + one.value(at).max(0.0)).collect();
            html.push(
                "<path class=\"area fill s{}\" d=\"{}\"/>",
                &[&(index % COLOURS), &plot.between(&above, &below)],
            );
            below = above;
        }
        html.push("</svg>", &[]);
    }

    fn lines(&self, html: &mut Html, plot: &Plot, band: Option<(usize, usize)>) {
        plot.open(html);
        if let Some((Some(low), Some(high))) = band.map(|(a, b)| (self.series.get(a), self.series.get(b))) {
            for run in runs(&high.values) {
                let of = |one: &Series| run.clone().map(|at| one.value(at)).collect::<Vec<_>>();
                let path = plot.between_from(run.start, &of(high), &of(low));
                html.push("<path class=\"band fill s1\" d=\"{}\"/>", &[&path]);
            }
        }
        for (index, one) in self.series.iter().enumerate() {
            let (mut line, mut points) = (String::new(), String::new());
            for run in runs(&one.values) {
                for at in run.clone() {
                    let place = format!("{} {}", trimmed(plot.x(at)), trimmed(plot.y(one.value(at))));
                    match (run.len(), at == run.start) {
                        // A value with nothing before and after it is a point.
                        (1, _) => points.push_str(&format!("M{place}h0.01")),
                        (_, true) => line.push_str(&format!("M{place}")),
                        (_, false) => line.push_str(&format!("L{place}")),
                    }
                }
            }
            for (class, path) in [("line", line), ("line point", points)] {
                if !path.is_empty() {
                    html.push("<path class=\"{} s{}\" d=\"{}\"/>", &[&class, &(index % COLOURS), &path]);
                }
            }
        }
        html.push("</svg>", &[]);
    }

    /// What the pointer finds: one place for each step, with everything that is there.
    fn hits(&self, html: &mut Html, plot: &Plot) {
        let share = 1.0 / plot.steps as f64;
        for at in 0..plot.steps {
            let tip = self.tip(at);
            let link = self.links.get(at).filter(|link| !link.is_empty());
            if let Some(link) = link {
                html.push("<a href=\"{}\" tabindex=\"-1\">", &[link]);
            }
            html.push(
                "<rect class=\"hit\" x=\"{}\" width=\"{}\" y=\"{}\" height=\"{}\" data-tip=\"{}\"/>",
                &[&percent(at as f64 * share), &percent(share), &ABOVE, &trimmed(plot.height), &tip],
            );
            if link.is_some() {
                html.push("</a>", &[]);
            }
        }
    }

    fn tip(&self, at: usize) -> String {
        let start = self.start_ms.saturating_add(self.step_ms.saturating_mul(at as u64));
        let moment = format::time(start, self.zone_minutes);
        let mut tip = moment.strip_suffix(":00").unwrap_or(&moment).to_owned();
        for (index, one) in self.series.iter().enumerate() {
            if let Some(Some(value)) = one.values.get(at).filter(|value| **value != Some(0.0)) {
                let name = one.name.replace(['\n', '\t'], " ");
                tip.push_str(&format!("\n{name}\t{}\t{}", self.unit.text(*value), index % COLOURS));
            }
        }
        tip
    }

    fn legend(&self, html: &mut Html) {
        html.push("<ul class=\"legend\">", &[]);
        for (index, one) in self.series.iter().enumerate() {
            let stacked = !matches!(self.kind, Kind::Lines { .. });
            if stacked && !one.values.iter().flatten().any(|value| *value > 0.0) {
                // It has its colour for other charts beside this one.
                continue;
            }
            html.push(
                "<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\"><rect class=\"fill s{}\" width=\"10\" height=\"10\" \
                 rx=\"2\"/></svg>{}",
                &[&(index % COLOURS), &one.name],
            );
            if !one.total.is_empty() {
                html.push(" <span class=\"note\">{}</span>", &[&one.total]);
            }
            html.push("</li>", &[]);
        }
        html.push("</ul>", &[]);
    }
}

/// Runs of steps that have a value.
fn runs(values: &[Option<f64>]) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    for (at, value) in values.iter().enumerate() {
        match found.last_mut() {
            _ if value.is_none() => {}
            Some(run) if run.end == at => run.end = at + 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

/// Where things stand in the plot.
struct Plot {
    /// In pixels.
    height: f64,
    steps: usize,
    /// The value at the top.
    end: f64,
}

impl Plot {
    fn y(&self, value: f64) -> f64 {
        self.height - value.clamp(0.0, self.end) / self.end * self.height
    }

    /// The middle of a step in the inner picture.
    fn x(&self, at: usize) -> f64 {
        (at as f64 + 0.5) * WIDTH / self.steps as f64
    }

    fn lines(&self, step: f64) -> usize {
        (self.end / step).round() as usize
    }

    /// The inner picture, which is stretched to the width of the page.
    fn open(&self, html: &mut Html) {
        html.push(
            "<svg aria-hidden=\"true\" y=\"{}\" width=\"100%\" height=\"{}\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\">",
            &[&ABOVE, &trimmed(self.height), &WIDTH, &trimmed(self.height)],
        );
    }

    /// The path around the room between two lines over all steps. One step alone is as wide as it is.
    fn between(&self, above: &[f64], below: &[f64]) -> String {
        self.between_from(0, above, below)
    }

    fn between_from(&self, first: usize, above: &[f64], below: &[f64]) -> String {
        let half = WIDTH / self.steps as f64 / 2.0;
        let last = above.len().saturating_sub(1);
        let x = |at: usize| match at {
            _ if last == 0 => vec![self.x(first) - half, self.x(first) + half],
            at => vec![self.x(first + at)],
        };
        let mut path = String::from("M");
        for (at, value) in above.iter().enumerate() {
            for x in x(at) {
                path.push_str(&format!("{} {} ", trimmed(x), trimmed(self.y(*value))));
            }
        }
        for (at, value) in below.iter().enumerate().rev() {
            for x in x(at).into_iter().rev() {
                path.push_str(&format!("{} {} ", trimmed(x), trimmed(self.y(*value))));
            }
        }
        path.push('z');
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stay_and_the_rest_is_one() {
        let series = (0..10).map(|at| Series {
            name: format!("m{at}"),
            values: vec![Some(f64::from(10 - at)), None],
            total: String::new(),
        });
        let found = gathered(series.collect(), "others", |sum| format!("={sum}"));
        let names: Vec<String> = found.iter().map(|one| format!("{}{}", one.name, one.total)).collect();
        assert_eq!(names, ["m0=10", "m1=9", "m2=8", "m3=7", "m4=6", "m5=5", "m6=4", "others (3)=6"]);
        assert_eq!(found[7].values, [Some(6.0), Some(0.0)]);
    }

    #[test]
    fn holes_end_runs() {
        let check =
            |values: &[Option<f64>], expect: &[std::ops::Range<usize>]| assert_eq!(runs(values), expect);
        check(&[], &[]);
        check(&[None, Some(1.0), Some(2.0), None, Some(3.0)], &[1..3, 4..5]);
    }
}
