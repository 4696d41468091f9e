//! One browser in front of one gateway: what a person does, in a person's words.

use std::{
    cell::Cell,
    fmt,
    path::PathBuf,
    time::{Duration, Instant},
};

use fantoccini::{
    Client, ClientBuilder,
    elements::Element,
    error::CmdError,
    wd::{Capabilities, WebDriverCompatibleCommand},
};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use sluice_testkit::{patience::LIMIT_S, process::Gateway, services::Chromium};

/// A desk's window and a phone's, in CSS pixels.
pub(crate) const DESK: (u32, u32) = (1280, 800);
pub(crate) const PHONE: (u32, u32) = (390, 844);

/// How the console is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) size: (u32, u32),
    /// As the browser asks for it, and as `lang` of the page says it.
    pub(crate) language: &'static str,
    pub(crate) dark: bool,
}

impl Look {
    /// On a desk, in English, by day.
    pub(crate) const USUAL: Self = Self { size: DESK, language: "en", dark: false };

    /// Every combination that the console is made for.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let sizes = [DESK, PHONE].into_iter();
        sizes.flat_map(|size| {
            ["en", "zh-CN"]
                .into_iter()
                .flat_map(move |language| [false, true].map(|dark| Self { size, language, dark }))
        })
    }
}

impl fmt::Display for Look {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let light = if self.dark { "dark" } else { "light" };
        write!(f, "{}-{light}-{}", self.language, self.size.0)
    }
}

/// What a person would point at. Names are the beginning of what a screen reader says, at least.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By<'a> {
    /// A field by its label.
    Label(&'a str),
    Button(&'a str),
    Link(&'a str),
    Heading(&'a str),
    /// A part of the page with a name of its own: a section, a table, a dialog.
    Region(&'a str),
    /// The innermost place where this can be read.
    Text(&'a str),
    Css(&'a str),
}

impl<'a> By<'a> {
    fn parts(self) -> (&'static str, &'a str) {
        match self {
            Self::Label(name) => ("label", name),
            Self::Button(name) => ("button", name),
            Self::Link(name) => ("link", name),
            Self::Heading(name) => ("heading", name),
            Self::Region(name) => ("region", name),
            Self::Text(name) => ("text", name),
            Self::Css(name) => ("css", name),
        }
    }
}

const FIND: &str = include_str!("find.js");
const FINDINGS: &str = include_str!("findings.js");
/// More that is wrong with one page is only counted.
const TOLD: usize = 8;
/// The page itself looks for so long, then it is asked again: it may have been left meanwhile.
const LOOK_MS: u64 = 2_000;

/// A browser without a window, and the gateway whose console it looks at.
#[derive(Debug)]
pub(crate) struct Browser {
    client: Client,
    // Its end is the end of the browser.
    _chromium: Chromium,
    origin: String,
    look: Cell<Look>,
    interactions: Cell<u32>,
}

impl Browser {
    /// A browser that has not been anywhere yet.
    pub(crate) async fn start(gateway: &Gateway) -> Self {
        let chromium = Chromium::start();
        let capabilities: Capabilities = [
            ("goog:chromeOptions".to_owned(), json!({ "debuggerAddress": chromium.browser_address() })),
            ("goog:loggingPrefs".to_owned(), json!({ "browser": "ALL" })),
            ("timeouts".to_owned(), json!({ "script": LIMIT_S * 1_000, "pageLoad": LIMIT_S * 1_000 })),
        ]
        .into_iter()
        .collect();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let client = builder.capabilities(capabilities).connect(&chromium.driver_url()).await;
        let client = client.expect("the driver takes a session");
        let browser = Self {
            client,
            _chromium: chromium,
            origin: format!("http://{}", gateway.admin),
            look: Cell::new(Look::USUAL),
            interactions: Cell::new(0),
        };
        browser.dress(Look::USUAL).await;
        browser
    }

    /// Looks differently from the next page on.
    pub(crate) async fn dress(&self, look: Look) {
        let (width, height) = look.size;
        let size =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width == PHONE.0 });
        self.devtools("Emulation.setDeviceMetricsOverride", size).await;
        let theme = if look.dark { "dark" } else { "light" };
        let features = json!([
            { "name": "prefers-color-scheme", "value": theme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let agent = self.ask("return navigator.userAgent", &[]).await;
        let agent = json!({ "userAgent": agent, "acceptLanguage": look.language });
        self.devtools("Emulation.setUserAgentOverride", agent).await;
        self.look.set(look);
    }

    /// Is as one that has not been here yet.
    pub(crate) async fn forget(&self) {
        self.client.delete_all_cookies().await.expect("cookies can be deleted");
    }

    /// Goes to a path of the console.
    pub(crate) async fn open(&self, path: &str) {
        let url = format!("{}{path}", self.origin);
        self.client.goto(&url).await.unwrap_or_else(|error| panic!("{path}: {error}"));
        // Where the page before was still being loaded, the driver may take its end for that of this one.
        self.until("document.readyState === 'complete'").await;
    }

    /// Path and query of the page.
    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.expect("a page has an address");
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", url.path())
    }

    /// The status with which the page came.
    pub(crate) async fn status(&self) -> u64 {
        let status = "return performance.getEntriesByType('navigation')[0].responseStatus";
        self.ask(status, &[]).await.as_u64().expect("a status")
    }

    /// Finds something, once it is there.
    pub(crate) async fn find(&self, by: By<'_>) -> Element {
        match self.look_for(by, LIMIT_S * 1_000).await {
            Some(element) => element,
            None => panic!("no {by:?} on {}:\n{}", self.path().await, self.text().await),
        }
    }

    /// Whether something is on the page as it is now.
    pub(crate) async fn has(&self, by: By<'_>) -> bool {
        self.look_for(by, 0).await.is_some()
    }

    async fn look_for(&self, by: By<'_>, patience_ms: u64) -> Option<Element> {
        let (kind, name) = by.parts();
        let end = Instant::now() + Duration::from_millis(patience_ms);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let wait = left.min(Duration::from_millis(LOOK_MS)).as_millis() as u64;
            let found = self.client.execute(FIND, vec![json!(kind), json!(name), json!(wait)]).await;
            match found {
                Ok(Value::Null) if left.is_zero() => return None,
                Ok(Value::Null) => {}
                Ok(found) => {
                    let id = found.as_object().and_then(|found| found.values().next()?.as_str());
                    let id = id.expect("a reference to an element").to_owned();
                    return Some(Element::from_element_id(self.client.clone(), id.into()));
                }
                // The page was left while it was looked at.
                Err(CmdError::Standard(error))
                    if !left.is_zero() && !error.to_string().contains("syntax") => {}
                Err(error) => panic!("{by:?}: {error}"),
            }
        }
    }

    /// Clicks something, once it is there.
    pub(crate) async fn click(&self, by: By<'_>) {
        self.interacts();
        self.find(by).await.click().await.unwrap_or_else(|error| panic!("{by:?}: {error}"));
    }

    /// Fills a field.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        self.interacts();
        let field = self.find(By::Label(label)).await;
        field.clear().await.unwrap_or_else(|error| panic!("{label}: {error}"));
        field.send_keys(text).await.unwrap_or_else(|error| panic!("{label}: {error}"));
    }

    /// Chooses from a list by what can be read there.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        self.interacts();
        let list = self.find(By::Label(label)).await;
        list.select_by_label(option).await.unwrap_or_else(|error| panic!("{label}: {option}: {error}"));
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        self.interacts();
        let focus = self.client.active_element().await.expect("something has the focus");
        focus.send_keys(keys).await.expect("keys are taken");
    }

    fn interacts(&self) {
        self.interactions.set(self.interactions.get() + 1);
    }

    /// How often something was clicked, filled or chosen.
    pub(crate) fn interactions(&self) -> u32 {
        self.interactions.get()
    }

    /// Waits until an expression of the page is true.
    pub(crate) async fn until(&self, expression: &str) {
        let script = format!(
            "const holds = () => {{ try {{ return Boolean({expression}); }} catch {{ return false; }} }};
             return new Promise((done) => {{
               const look = (left) => holds() || left <= 0 ? done(holds()) : setTimeout(() => look(left - 20), 20);
               look({LOOK_MS});
             }});"
        );
        let end = Instant::now() + Duration::from_secs(LIMIT_S);
        while Instant::now() < end {
            if matches!(self.client.execute(&script, vec![]).await, Ok(Value::Bool(true))) {
                return;
            }
        }
        panic!("never on {}: {expression}\n{}", self.path().await, self.text().await);
    }

    /// What can be read on the page.
    pub(crate) async fn text(&self) -> String {
        let text = self.ask("return document.body?.innerText ?? ''", &[]).await;
        text.as_str().unwrap_or_default().to_owned()
    }

    /// What a script says.
    pub(crate) async fn ask(&self, script: &str, arguments: &[Value]) -> Value {
        self.client
            .execute(script, arguments.to_vec())
            .await
            .unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What the browser had to complain of since it was asked last: errors of scripts, the content security policy,
    /// requests that failed.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.driver("se/log", json!({ "type": "browser" })).await;
        let entries = log.as_array().cloned().unwrap_or_default();
        let bad = |entry: &&Value| entry["level"] == "SEVERE" || entry["source"] == "security";
        entries.iter().filter(bad).map(|entry| format!("{}: {}", entry["source"], entry["message"])).collect()
    }

    /// What is in the way of whoever reads the page in a language.
    pub(crate) async fn findings(&self, language: &str) -> Vec<String> {
        let found = self.ask(FINDINGS, &[json!(language)]).await;
        found.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// All that is wrong with the page: what the browser complains of, and what is in the way of who reads it. A picture
    /// of it is kept then.
    pub(crate) async fn wrong(&self, name: &str) -> Option<String> {
        let look = self.look.get();
        let mut wrong = self.complaints().await;
        wrong.extend(self.findings(look.language).await);
        if wrong.is_empty() {
            return None;
        }
        let picture = self.picture(&format!("{name}-{look}")).await;
        if wrong.len() > TOLD {
            let more = wrong.len() - TOLD;
            wrong.truncate(TOLD);
            wrong.push(format!("and {more} more"));
        }
        Some(format!("{name} ({look}), {}:\n  {}", picture.display(), wrong.join("\n  ")))
    }

    /// Keeps how the page looks below the target directory.
    pub(crate) async fn picture(&self, name: &str) -> PathBuf {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("browser");
        let path = dir.join(format!("{}.png", name.trim_matches('/').replace('/', "-")));
        std::fs::create_dir_all(&dir).expect("a directory for pictures");
        std::fs::write(&path, self.png().await).expect("a picture is kept");
        path
    }

    /// How the page looks.
    pub(crate) async fn png(&self) -> Vec<u8> {
        self.client.screenshot().await.expect("the page can be drawn")
    }

    async fn devtools(&self, command: &str, params: Value) -> Value {
        self.driver("goog/cdp/execute", json!({ "cmd": command, "params": params })).await
    }

    async fn driver(&self, place: &'static str, body: Value) -> Value {
        let answer = self.client.issue_cmd(Own { place, body }).await;
        answer.unwrap_or_else(|error| panic!("{place}: {error}"))
    }
}

/// A command that only this driver knows.
#[derive(Debug)]
struct Own {
    place: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.place))
    }

    fn method_and_body(&self, _: &url::Url) -> (hyper::Method, Option<String>) {
        (hyper::Method::POST, Some(self.body.to_string()))
    }
}
