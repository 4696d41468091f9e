//! Rules about one source file: sizes, banned words, banned module names.

use super::{File, ratchet::Sizes};

/// Names that say nothing about what is inside.
const BANNED_MODULES: &[&str] =
    &["utils", "util", "helpers", "helper", "common", "manager", "misc", "stuff", "shared", "base"];

/// Words that mean that something is missing. Each is split here so that this file does not hold it.
const BANNED_WORDS: &[(&str, &str)] =
    &[("to", "do!"), ("un", "implemented!"), ("FIX", "ME"), ("TO", "DO"), ("XX", "X")];

/// Files with a limit of their own, in lines.
const OWN_LIMITS: &[(&str, usize)] = &[("crates/sluice-gateway/src/pipeline.rs", 150)];

pub(super) fn check(file: &File, sizes: &mut Sizes, complaints: &mut Vec<String>) {
    let lines = file.text.lines().count();
    sizes.files.push((file.path.clone(), lines));
    if let Some((_, most)) = OWN_LIMITS.iter().find(|(path, most)| *path == file.path && lines > *most) {
        complaints.push(format!("{}: {lines} lines, at most {most} here", file.path));
    }
    for (number, line) in file.text.lines().enumerate() {
        for (a, b) in BANNED_WORDS {
            if has_word(line, &[*a, *b].concat()) {
                complaints.push(format!(
                    "{}:{}: `{a}{b}` is banned: do it, or leave it out",
                    file.path,
                    number + 1
                ));
            }
        }
    }
    let code = without_text(&file.text);
    for name in modules(&file.path, &code) {
        if BANNED_MODULES.contains(&name.as_str()) {
            complaints
                .push(format!("{}: a module `{name}` says nothing: name it after what it does", file.path));
        }
    }
    for (name, length) in functions(&code) {
        sizes.functions.push((format!("{}::{name}", file.path), length));
    }
}

/// Whether `word` stands in the line with no letter or digit around it.
fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        !part_of_word(line[..at].chars().next_back()) && !part_of_word(line[at + word.len()..].chars().next())
    })
}

/// The module that the file is, and those that it declares.
fn modules(path: &str, code: &str) -> Vec<String> {
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    let mut names = vec![stem.to_owned()];
    let words: Vec<&str> =
        code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|w| !w.is_empty()).collect();
    names.extend(words.windows(2).filter(|pair| pair[0] == "mod").map(|pair| pair[1].to_owned()));
    names
}

/// Name and number of lines of every function with a body, from `fn` to its closing brace.
fn functions(code: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(at) = code[from..].find("fn ").map(|at| from + at) {
        from = at + 3;
        let before = code[..at].chars().next_back();
        let name: String = code[from..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        if name.is_empty() || before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        if let Some(end) = end_of_body(&code[from..]) {
            found.push((name, code[at..from + end].matches('\n').count() + 1));
        }
    }
    found
}

/// Offset behind the closing brace of the function that begins here; `None` when it has no body.
fn end_of_body(code: &str) -> Option<usize> {
    let (mut brackets, mut braces) = (0i32, 0i32);
    for (at, c) in code.char_indices() {
        match c {
            '(' | '[' if braces == 0 => brackets += 1,
            ')' | ']' if braces == 0 => brackets -= 1,
            ';' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' => {
                braces -= 1;
                if braces == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// The source with comments and the insides of literals blanked, line breaks kept.
fn without_text(source: &str) -> String {
    let chars: Vec<char> = source.chars().collect();
    let mut out = String::with_capacity(source.len());
    let mut at = 0;
    while at < chars.len() {
        let end = end_of_text(&chars, at);
        match end {
            Some(end) => {
                out.extend(chars[at..end].iter().map(|c| if *c == '\n' { '\n' } else { ' ' }));
                at = end;
            }
            None => {
                out.push(chars[at]);
                at += 1;
            }
        }
    }
    out
}

/// Where the comment or literal that begins at `at` ends; `None` when none begins there.
fn end_of_text(chars: &[char], at: usize) -> Option<usize> {
    let next = chars.get(at + 1).copied();
    let in_word = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if next == Some('/') => {
            Some(chars[at..].iter().position(|c| *c == '\n').map_or(chars.len(), |line| at + line))
        }
        '/' if next == Some('*') => Some(end_of_block_comment(chars, at)),
        '"' => Some(end_of_string(chars, at + 1)),
        'r' if !in_word || chars[at - 1] == 'b' || chars[at - 1] == 'c' => end_of_raw_string(chars, at + 1),
        '\'' => end_of_char(chars, at),
        _ => None,
    }
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => (depth, at) = (depth + 1, at + 2),
            ('*', '/') => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

fn end_of_raw_string(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|c| **c == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let mut end = at + hashes + 1;
    while end < chars.len() {
        let closing = chars[end] == '"'
            && chars[end + 1..].iter().take(hashes).filter(|c| **c == '#').count() == hashes;
        if closing {
            return Some(end + 1 + hashes);
        }
        end += 1;
    }
    Some(chars.len())
}

/// A character literal; a lifetime is none.
fn end_of_char(chars: &[char], at: usize) -> Option<usize> {
    if chars.get(at + 1) == Some(&'\\') {
        let close = chars[at + 3..].iter().position(|c| *c == '\'')?;
        return Some(at + 3 + close + 1);
    }
    (chars.get(at + 2) == Some(&'\'')).then_some(at + 3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn function_lengths() {
        let check = |code: &str, expect: &[(&str, usize)]| {
            let found = functions(&without_text(code));
            let found: Vec<(&str, usize)> =
                found.iter().map(|(name, lines)| (name.as_str(), *lines)).collect();
            assert_eq!(found, expect, "{code}");
        };
        check("fn a() {}", &[("a", 1)]);
        check("fn a() {\n}\nfn b() {\n\n}", &[("a", 2), ("b", 3)]);
        check("trait T { fn a(&self); fn b(&self) { 1 } }", &[("b", 1)]);
        check("fn a(x: [u8; 2]) -> [u8; 3] {\n}", &[("a", 2)]);
        check("fn a() {\n  fn b() {\n  }\n}", &[("a", 4), ("b", 2)]);
        check("fn a() {\n let x = \"}\"; // }\n let y = '}'; /* } */\n let z = r#\"}\"}\"#;\n}", &[("a", 5)]);
        check("fn a<'a>(x: &'a str) -> &'a str {\n '\\'' ; '\\u{7d}'; b'{'\n}", &[("a", 3)]);
        check("let f: fn (u8) -> u8 = g;", &[]);
        check("// fn a() {}\n\"fn b() {}\"", &[]);
    }

    #[test]
    fn banned_words_and_modules() {
        let check = |path: &str, text: &str, expect: &[&str]| {
            let (mut sizes, mut found) = (Sizes::default(), Vec::new());
            check(&File { path: path.to_owned(), text: text.to_owned() }, &mut sizes, &mut found);
            assert_eq!(found.len(), expect.len(), "{path} {text}: {found:?}");
            for (found, expect) in found.iter().zip(expect) {
                assert!(found.contains(expect), "{found}, not {expect}");
            }
        };
        let word = |a: &str, b: &str| format!("let x = 1;\n// {a}{b} later\n");
        check("a.rs", "mod one;\npub mod two { }", &[]);
        check("a.rs", &word("TO", "DO"), &["a.rs:2: `TO"]);
        check("a.rs", &word("FIX", "ME:"), &["a.rs:2: `FIX"]);
        check("a.rs", &word("to", "do!()"), &["a.rs:2"]);
        check("a.rs", &word("METO", "DOS"), &[]);
        check("a.rs", "mod helpers;", &["module `helpers`"]);
        check("a.rs", "// mod helpers;\nlet x = \"mod utils\";", &[]);
        check("src/utils.rs", "", &["module `utils`"]);
        check("src/manager/mod.rs", "", &[]);
        check("crates/sluice-gateway/src/pipeline.rs", &"\n".repeat(151), &["151 lines, at most 150"]);
        check("crates/sluice-gateway/src/pipeline.rs", &"\n".repeat(150), &[]);
    }
}
