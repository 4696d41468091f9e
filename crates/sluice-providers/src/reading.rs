//! What the decoder of an answer has to know of the request that was written for it.

/// Facts of one request. Empty for most.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// Tools that the upstream knows by another name, because its names are narrower: its name, then the caller's.
    pub renamed_tools: Vec<(String, String)>,
    /// The caller's names of custom tools, which upstreams know as functions with one text `input`.
    pub custom_tools: Vec<String>,
    /// The upstream's name of the tool whose arguments are the structured answer itself.
    pub answer_tool: Option<String>,
    /// The caller speaks the deprecated `functions`: a call is a `function_call`.
    pub legacy_functions: bool,
}

impl Reading {
    /// Nothing to know.
    pub fn nothing() -> &'static Self {
        static NOTHING: Reading = Reading {
            renamed_tools: Vec::new(),
            custom_tools: Vec::new(),
            answer_tool: None,
            legacy_functions: false,
        };
        &NOTHING
    }

    /// The caller's name of a tool that the upstream called.
    pub fn callers_name<'a>(&'a self, upstreams: &'a str) -> &'a str {
        let renamed = self.renamed_tools.iter().find(|(sent, _)| sent == upstreams);
        renamed.map_or(upstreams, |(_, callers)| callers)
    }

    /// Whether the caller knows this tool (by the caller's name) as a custom one.
    pub fn is_custom(&self, callers_name: &str) -> bool {
        self.custom_tools.iter().any(|name| name == callers_name)
    }
}
