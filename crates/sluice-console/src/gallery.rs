//! Every part once, for tests and for looking at.

use askama::Template;

use crate::{
    Language, Page, Problem, Rendered,
    chart::{Bar, Kind, Meter, Row, Series, TimeChart, Unit, Waterfall, spark},
    html::Html,
    parts::{Choice, Column, Pager},
    shell::Shell,
    test_visit::TestVisit,
};

#[derive(Template)]
#[template(path = "gallery.html")]
struct Gallery<'a> {
    shell: Shell<'a>,
    problem: &'a Problem,
    choices: Vec<Choice>,
    columns: Vec<Column>,
    pager: Pager,
    limit: &'a Option<u32>,
    budget: Option<u64>,
    nothing: Option<String>,
    number: u64,
    bars: Html,
    lines: Html,
    areas: Html,
    waterfall: Html,
    meter: Html,
    spark: Html,
}

fn chart(kind: Kind, unit: Unit<'static>) -> Html {
    let wave = |at: usize, phase: f64| ((at as f64 / 3.0 + phase).sin() + 1.2) * 40.0;
    let series = |name: &str, phase| Series {
        name: name.to_owned(),
        values: (0..24).map(|at| Some(wave(at, phase))).collect(),
        total: "1.2k".to_owned(),
    };
    TimeChart {
        title: "Requests by hour".to_owned(),
        kind,
        unit,
        start_ms: 1_795_219_200_000,
        step_ms: 3_600_000,
        zone_minutes: 480,
        series: vec![series("gpt-4o-mini", 0.0), series("claude-haiku", 2.0), series("deepseek", 4.0)],
        links: (0..24).map(|at| format!("/requests?from={at}")).collect(),
        height: 180,
    }
    .html()
}

fn gallery(language: Language) -> Rendered {
    let owned = TestVisit::new(Page::Keys).language(language).query(&[("cursor", "x"), ("sort", "-spent")]);
    let visit = owned.visit();
    let problem = Problem { status: 503, code: "away".to_owned(), message: "<script>".to_owned() };
    let bar = |from_ms, to_ms, class| Bar { from_ms, to_ms, class, label: "first token".to_owned() };
    let row = |label: &str, bars| Row {
        label: label.to_owned(),
        note: "200".to_owned(),
        more: String::new(),
        bars,
    };
    let rows = vec![
        row("openai / gpt-4o-mini", vec![bar(0.0, 300.0, "bad")]),
        row("azure / gpt-4o-mini", vec![bar(320.0, 700.0, "soft"), bar(700.0, 2_100.0, "accent")]),
    ];
    Rendered::of(&Gallery {
        shell: Shell::new(&visit, "Gallery"),
        problem: &problem,
        choices: Choice::list([("day", "A day"), ("month", "A month")], "month"),
        columns: vec![
            Column::sortable(&visit, "name", ("Name", "")),
            Column::sortable(&visit, "spent", ("Spent", "number")),
            Column::plain("Budget", "wide"),
            Column::plain("Week", "wide"),
            Column::plain("Made", ""),
            Column::plain("Left", "number"),
        ],
        pager: Pager::new(&visit, Some("next")),
        limit: &Some(600),
        budget: None,
        nothing: None,
        number: 1_795_262_400_000,
        bars: chart(Kind::Bars, Unit::Count),
        lines: chart(Kind::Lines { band: Some((0, 1)) }, Unit::Duration),
        areas: chart(Kind::Areas, Unit::Money(None)),
        waterfall: Waterfall { title: "Attempts".to_owned(), total_ms: 2_100.0, rows }.html(),
        meter: Meter { spent: 85, reserved: 5, limit: 100, label: "$85.00 of $100.00".to_owned() }.html(),
        spark: spark(&[Some(1.0), Some(4.0), Some(2.0), Some(6.0)], "Week"),
    })
}

#[test]
fn every_part_is_made() {
    for language in Language::ALL {
        let page = gallery(language);
        assert_eq!(page.status, 200, "{}", page.html);
        let html = page.html;
        std::fs::write(std::env::temp_dir().join(format!("gallery-{}.html", language.tag())), &html).unwrap();
        // What was put in is escaped, and nothing is styled or scripted in place.
        assert!(!html.contains("<script>") && html.contains("&#60;script&#62;"));
        for word in [" style=", " onclick=", "javascript:"] {
            assert!(!html.contains(word), "{word}");
        }
        let mut ids: Vec<&str> =
            html.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        ids.sort_unstable();
        let all = ids.len();
        ids.dedup();
        assert_eq!(ids.len(), all, "ids are unique");
        // Every control has its label.
        for id in html.split("<input id=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(html.contains(&format!("<label for=\"{id}\">")), "{id} has no label");
        }
    }
}
