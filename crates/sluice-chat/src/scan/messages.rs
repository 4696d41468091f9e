//! The messages: their contents, and what is counted in them.

use super::check::{Checker, Object, Seen};
use crate::json::cursor::Refused;
use crate::rules::{MESSAGE, PART, ROLES};

/// What the contents of one message were (there is more than one only where the key is repeated).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ContentSeen {
    parts: bool,
    no_parts: bool,
}

/// The beginnings of messages of roles that need no more than a text, up to that text: as `JSON.stringify` writes them,
/// and as Python's `json.dumps` does.
const PLAIN_MESSAGES: [&[u8]; 6] = [
    br#"{"role":"user","content":""#,
    br#"{"role":"assistant","content":""#,
    br#"{"role":"system","content":""#,
    br#"{"role": "user", "content": ""#,
    br#"{"role": "assistant", "content": ""#,
    br#"{"role": "system", "content": ""#,
];

impl Checker<'_> {
    pub(super) fn messages(&mut self) -> Result<Seen, Refused> {
        let count = self.list(|checker, index| {
            if checker.plain_message() {
                return Ok(());
            }
            checker.message = index;
            checker.content = ContentSeen::default();
            let message = checker.object(&MESSAGE)?;
            checker.check_role(message)
        })?;
        if count == 0 { Err(Refused) } else { Ok(Seen::List(count)) }
    }

    /// Reads a message of a role and a text and nothing else, where it is written as clients write it, and tells whether
    /// it was one. Long chats are hundreds of those; for whatever else there are the tables.
    fn plain_message(&mut self) -> bool {
        let before = self.cursor;
        if !PLAIN_MESSAGES.iter().any(|written| self.cursor.take(written)) {
            return false;
        }
        match self.cursor.text_behind_quote() {
            Ok(text) if self.cursor.take(b"}") => {
                self.prose_bytes += text.unescaped_len() as u64;
                true
            }
            _ => {
                self.cursor = before;
                false
            }
        }
    }

    fn check_role(&self, message: Object) -> Result<(), Refused> {
        let kind = message.kind.ok_or(Refused)?;
        let role = ROLES.iter().find(|role| self.cursor.is(kind, role.word)).ok_or(Refused)?;
        let missing = role.needs_content && !message.has(&MESSAGE, "content")
            || role.needs_field.is_some_and(|name| !message.has(&MESSAGE, name));
        let refused_parts = self.content.parts && !role.takes_parts;
        let refused_emptiness = self.content.no_parts && !role.takes_no_parts;
        if missing || refused_parts || refused_emptiness { Err(Refused) } else { Ok(()) }
    }

    pub(super) fn content(&mut self) -> Result<Seen, Refused> {
        if self.cursor.peek()? == b'"' {
            let text = self.cursor.text()?;
            self.prose_bytes += text.unescaped_len() as u64;
            return Ok(Seen::Text(text));
        }
        let count = self.list(Self::part)?;
        self.content.parts = true;
        self.content.no_parts |= count == 0;
        Ok(Seen::List(count))
    }

    fn part(&mut self, index: u32) -> Result<(), Refused> {
        let prose_before = self.prose_bytes;
        self.cursor.peek()?;
        let start = self.cursor.at();
        let kind = self.object(&PART)?.kind.ok_or(Refused)?;
        if self.cursor.is(kind, "text") || self.cursor.is(kind, "refusal") {
            return Ok(());
        }
        // A text beside a medium is nothing that the API knows.
        self.prose_bytes = prose_before;
        let features = &mut self.features;
        let medium = [
            ("image_url", &mut features.image),
            ("input_audio", &mut features.input_audio),
            ("file", &mut features.file),
            ("video_url", &mut features.video),
        ];
        if let Some((_, flag)) = medium.into_iter().find(|(word, _)| self.cursor.is(kind, word)) {
            *flag = true;
            self.media_parts += 1;
        } else {
            features.unknown_part.get_or_insert((self.message, index));
            self.prose_bytes += (self.cursor.at() - start) as u64;
        }
        Ok(())
    }
}
