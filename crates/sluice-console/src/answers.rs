//! What a page wants from the admin API, and what it got.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::url;

/// A call that a page wants to see the answer of: a GET of the admin API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Want {
    /// Under which the page finds the answer.
    pub name: &'static str,
    /// Path and query.
    pub path: String,
}

impl Want {
    /// `path` is below `/admin/v1/`, without a query; its variable parts are already encoded.
    #[must_use]
    pub fn new(name: &'static str, path: &str) -> Self {
        Self { name, path: format!("/admin/v1/{path}") }
    }

    /// Of one object: `kind` is the list's path and `id` its name or id, as it is.
    #[must_use]
    pub fn one(name: &'static str, kind: &str, id: &str) -> Self {
        Self::new(name, &format!("{kind}/{}", url::encode(id)))
    }

    /// With a parameter; an empty one is left out.
    #[must_use]
    pub fn with(self, parameter: &str, value: &str) -> Self {
        Self { path: url::with_query(&self.path, [(parameter, value)]), ..self }
    }

    /// With those parameters of a page's own address that are there.
    #[must_use]
    pub fn with_those(self, query: &crate::Query, names: &[&str]) -> Self {
        names.iter().fold(self, |want, name| want.with(name, query.text(name)))
    }
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// As in HTTP.
    pub status: u16,
    /// The API's code, such as `key_not_found`.
    pub code: String,
    /// For whoever reads it, in English.
    pub message: String,
}

/// The answers to what a page wants, by name.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    by_name: BTreeMap<&'static str, Result<Value, Problem>>,
}

impl Answers {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn put(&mut self, name: &'static str, answer: Result<Value, Problem>) {
        self.by_name.insert(name, answer);
    }

    /// With one more: for tests, and for pages that are told things beside the admin API's.
    #[must_use]
    pub fn with(mut self, name: &'static str, answer: Value) -> Self {
        self.put(name, Ok(answer));
        self
    }

    /// The answer of a name.
    ///
    /// # Errors
    /// The API's refusal, or that nobody asked.
    pub fn get(&self, name: &str) -> Result<&Value, Problem> {
        match self.by_name.get(name) {
            Some(Ok(value)) => Ok(value),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(Problem {
                status: 500,
                code: "not_asked".to_owned(),
                message: format!("Nobody asked for '{name}'."),
            }),
        }
    }

    /// The answer of a name as a type; fields that the type does not know are passed over.
    ///
    /// # Errors
    /// As [`Answers::get`], and where the answer is no such thing.
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Result<T, Problem> {
        T::deserialize(self.get(name)?).map_err(|error| Problem {
            status: 500,
            code: "unexpected_answer".to_owned(),
            message: format!("The answer '{name}' is not what this page expects: {error}."),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Query;

    #[test]
    fn wants_are_paths_of_the_admin_api() {
        let check = |want: Want, expect: &str| assert_eq!(want.path, expect);
        check(Want::new("keys", "keys"), "/admin/v1/keys");
        check(Want::one("model", "models", "a/b c"), "/admin/v1/models/a%2Fb%20c");
        check(
            Want::new("u", "usage").with("from", "").with("to", "2026-01-01"),
            "/admin/v1/usage?to=2026-01-01",
        );
        let query =
            Query::new(vec![("key".to_owned(), "k&1".to_owned()), ("page".to_owned(), "2".to_owned())]);
        check(
            Want::new("r", "requests").with_those(&query, &["key", "model"]),
            "/admin/v1/requests?key=k%261",
        );
    }

    #[test]
    fn answers_are_read_or_are_problems() {
        let mut answers = Answers::new().with("list", json!([1, 2]));
        let problem = Problem { status: 403, code: "role_not_allowed".to_owned(), message: "No.".to_owned() };
        answers.put("users", Err(problem.clone()));
        assert_eq!(answers.read::<Vec<u8>>("list"), Ok(vec![1, 2]));
        assert_eq!(answers.read::<String>("list").map_err(|p| p.code), Err("unexpected_answer".to_owned()));
        assert_eq!(answers.read::<Value>("users"), Err(problem));
        assert_eq!(answers.get("other").map_err(|p| p.status), Err(500));
    }
}
