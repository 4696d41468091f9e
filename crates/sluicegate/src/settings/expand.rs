//! `${VAR}` in strings of the configuration file.

use crate::environment::NOT_UTF8;

/// Why a string could not be expanded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ExpandError {
    /// Where in the string the `${` at fault begins, in bytes.
    pub(super) at: usize,
    pub(super) text: String,
}

/// Replaces every `${VAR}` by the variable's value, and `$${` by a literal `${`. All errors at once.
pub(super) fn expand(raw: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, Vec<ExpandError>> {
    let mut out = String::with_capacity(raw.len());
    let mut errors = Vec::new();
    let mut rest = raw;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        let at = raw.len() - rest.len() + start;
        if let Some(escaped) = before.strip_suffix('$') {
            out.push_str(escaped);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let Some(end) = after.find('}') else {
            errors.push(ExpandError {
                at,
                text: "`${` has no closing `}`; write `$${` for a literal `${`".to_owned(),
            });
            return Err(errors);
        };
        let name = &after[..end];
        match variable(name, env) {
            Ok(value) => out.push_str(&value),
            Err(text) => errors.push(ExpandError { at, text }),
        }
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    if errors.is_empty() { Ok(out) } else { Err(errors) }
}

fn variable(name: &str, env: &dyn Fn(&str) -> Option<String>) -> Result<String, String> {
    let well_formed = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !well_formed {
        return Err(format!(
            "`{name}` is not the name of an environment variable; write `$${{` for a literal `${{`"
        ));
    }
    match env(name) {
        Some(value) if value.contains(NOT_UTF8) => {
            Err(format!("the environment variable `{name}` is not UTF-8 text"))
        }
        Some(value) => Ok(value),
        None => Err(format!("the environment variable `{name}` is not set")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_expand() {
        let env = |name: &str| match name {
            "A" => Some("one".to_owned()),
            "B_2" => Some("${A}".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        let check = |raw: &str, expect: Result<&str, &[usize]>| {
            let found =
                expand(raw, &env).map_err(|errors| errors.into_iter().map(|e| e.at).collect::<Vec<_>>());
            let expect = expect.map(str::to_owned).map_err(<[usize]>::to_vec);
            assert_eq!(found, expect, "{raw}");
        };
        check("", Ok(""));
        check("plain $ {} $A", Ok("plain $ {} $A"));
        check("${A}", Ok("one"));
        check("x${A}y${A}z", Ok("xoneyonez"));
        check("${EMPTY}", Ok(""));
        // A value is never expanded again.
        check("${B_2}", Ok("${A}"));
        check("$${A}", Ok("${A}"));
        check("$$${A}", Ok("$${A}"));
        check("a$${b", Ok("a${b"));
        check("${NOPE}${A}${ALSO}", Err(&[0, 11]));
        check("${}", Err(&[0]));
        check("${A:-x}", Err(&[0]));
        check("${1A}", Err(&[0]));
        check("${A", Err(&[0]));
        check("${NOPE} ${A", Err(&[0, 8]));
        check("$${NOPE} ${NOPE} ${NOPE}", Err(&[9, 17]));
        check("é${NOPE}", Err(&[2]));
    }
}
