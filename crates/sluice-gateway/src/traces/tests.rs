//! What is noted of a request, and what becomes of it.

use sluice_chat::scan::scan;

use super::*;

fn dice() -> impl FnMut() -> u64 {
    let mut last = 0;
    move || {
        last += 1;
        last
    }
}

fn tracer(sample_percent: u64) -> (Tracer, mpsc::Receiver<Told>) {
    let (told, waiting) = mpsc::channel(1);
    (Tracer { told, sample_percent, dropped: Counter::default() }, waiting)
}

#[test]
fn what_is_asked_for() {
    let body = br#"{"model":"m","messages":[{"role":"user","content":"a"}],"temperature":0.5,"top_p":1,"seed":-7,"n":2,"max_tokens":9,
        "presence_penalty":null,"user":"temperature"}"#;
    let asked = Asked::of(&scan(body).unwrap(), body);
    assert_eq!((asked.max_tokens, asked.choices, asked.seed), (Some(9), 2, Some(-7)));
    let expect = [("gen_ai.request.temperature", 0.5), ("gen_ai.request.top_p", 1.0)];
    assert_eq!(asked.numbers.as_slice(), expect);
}

#[test]
fn what_is_answered() {
    let check = |parts: &[&str], choices, model: Option<&str>, reasons: &[&str]| {
        let mut trace = tracer(100).0.begin(&HeaderMap::new(), &mut dice());
        parts.iter().for_each(|part| trace.saw(part.as_bytes(), choices));
        assert_eq!(trace.response_model.as_deref(), model, "{parts:?}");
        assert_eq!(trace.finish_reasons.as_slice(), reasons, "{parts:?}");
    };
    let finish = r#"{"model":"up","choices":[{"finish_reason":"stop"}]}"#;
    check(&[finish], 1, Some("up"), &["stop"]);
    check(&[r#"{ "model" : "up", "finish_reason" : "length" }"#], 1, Some("up"), &["length"]);
    check(&[r#"{"model":"a","finish_reason":null}"#, finish, finish], 1, Some("a"), &["stop"]);
    check(&[finish, finish, finish], 2, Some("up"), &["stop", "stop"]);
    // What somebody says is no key.
    check(&[r#"{"content":"{\"model\":\"x\",\"finish_reason\":\"y\"}"}"#], 1, None, &[]);
    check(
        &[r#"{"model":"a b\u0041","finish_reason":7}"#, r#"{"model"#, r#""finish_reason":"st"#],
        1,
        None,
        &[],
    );
    check(&[&format!(r#"{{"model":"{}"}}"#, "x".repeat(201))], 1, None, &[]);
}

#[test]
fn how_many_are_traced() {
    let sampled = |percent| {
        let (tracer, mut dice) = (tracer(percent).0, dice());
        (0..600).filter(|_| tracer.begin(&HeaderMap::new(), &mut dice).context.sampled).count()
    };
    assert_eq!((sampled(0), sampled(100)), (0, 600));
    assert!((50..250).contains(&sampled(25)), "{}", sampled(25));
    // A caller who says so is traced, whatever the share; and the other way.
    let mut headers = HeaderMap::new();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0";
    headers.insert("traceparent", format!("{parent}1").parse().unwrap());
    assert!(tracer(0).0.begin(&headers, &mut dice()).context.sampled);
    headers.insert("traceparent", format!("{parent}0").parse().unwrap());
    assert!(!tracer(100).0.begin(&headers, &mut dice()).context.sampled);
}
