//! Sound: 24 kHz, 16 bits, one channel. Every token of the transcript is a tone of 50 ms, and one audio token.

use super::text::Text;

const SAMPLES_PER_S: u32 = 24_000;
const SAMPLES_PER_TOKEN: usize = 1_200;
const BYTES_PER_TOKEN: usize = SAMPLES_PER_TOKEN * 2;

/// How sound is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SpeechFormat {
    Wav,
    Pcm16,
}

impl SpeechFormat {
    /// The formats that the sandbox can write.
    pub(super) const NAMES: &[&str] = &["wav", "pcm16"];

    pub(super) fn of_name(name: &str) -> Option<Self> {
        match name {
            "wav" => Some(Self::Wav),
            "pcm16" => Some(Self::Pcm16),
            _ => None,
        }
    }
}

/// The head of a WAV file with so many bytes of samples.
fn wav_head(data_bytes: u32) -> Vec<u8> {
    let mut head = Vec::with_capacity(44);
    head.extend_from_slice(b"RIFF");
    head.extend_from_slice(&(36 + data_bytes).to_le_bytes());
    head.extend_from_slice(b"WAVEfmt ");
    head.extend_from_slice(&16_u32.to_le_bytes());
    // PCM, one channel.
    head.extend_from_slice(&[1, 0, 1, 0]);
    head.extend_from_slice(&SAMPLES_PER_S.to_le_bytes());
    head.extend_from_slice(&(SAMPLES_PER_S * 2).to_le_bytes());
    // Bytes in a frame, bits in a sample.
    head.extend_from_slice(&[2, 0, 16, 0]);
    head.extend_from_slice(b"data");
    head.extend_from_slice(&data_bytes.to_le_bytes());
    head
}

/// The tone of one token as samples, little endian: a triangle wave whose pitch depends on the token, faded in and
/// out. Whole numbers alone, so that it is the same on every machine.
pub(super) fn tone(token: &str, out: &mut Vec<u8>) {
    let pitch = token.bytes().fold(0_u32, |sum, byte| (sum * 31 + u32::from(byte)) % 400);
    let period = (SAMPLES_PER_S / (200 + pitch)) as i32;
    for at in 0..SAMPLES_PER_TOKEN as i32 {
        let phase = at % period;
        let wave = 4 * (phase - period / 2).abs() - period;
        let fade = at.min(SAMPLES_PER_TOKEN as i32 - 1 - at).min(100);
        let sample = wave * 80 * fade / period;
        out.extend_from_slice(&(sample as i16).to_le_bytes());
    }
}

/// A transcript as sound in base64, piece by piece.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    transcript: Text,
    /// Bytes of the transcript that were spoken.
    at: usize,
    /// Bytes that do not fill a group of three yet.
    carried: Vec<u8>,
    ended: bool,
}

impl Sound {
    pub(super) fn new(transcript: Text, format: SpeechFormat) -> Self {
        let data_bytes = transcript.tokens() * BYTES_PER_TOKEN as u64;
        let carried = match format {
            SpeechFormat::Wav => wav_head(u32::try_from(data_bytes).unwrap_or(u32::MAX - 36)),
            SpeechFormat::Pcm16 => Vec::new(),
        };
        Self { transcript, at: 0, carried, ended: false }
    }

    /// Appends the next piece; false when there is none.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if self.ended {
            return false;
        }
        match self.transcript.token_at(self.at) {
            Some(token) => {
                tone(token, &mut self.carried);
                self.at += token.len();
                let whole = self.carried.len() / 3 * 3;
                base64(&self.carried[..whole], out);
                self.carried.drain(..whole);
            }
            None => {
                base64(&self.carried, out);
                self.ended = true;
            }
        }
        true
    }
}

/// RFC 4648, section 4.
pub(super) fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let value = (bits >> (18 - 6 * digit)) & 63;
            out.push(if digit <= group.len() { DIGITS[value as usize] } else { b'=' });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_base64(text: &str, expect: &str) {
        let mut out = Vec::new();
        base64(text.as_bytes(), &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expect, "{text}");
    }

    #[test]
    fn base64_of_the_rfc() {
        check_base64("", "");
        check_base64("f", "Zg==");
        check_base64("fo", "Zm8=");
        check_base64("foo", "Zm9v");
        check_base64("foob", "Zm9vYg==");
        check_base64("fooba", "Zm9vYmE=");
        check_base64("foobar", "Zm9vYmFy");
    }

    #[test]
    fn a_tone_is_heard_and_fades() {
        let mut bytes = Vec::new();
        tone(" word", &mut bytes);
        assert_eq!(bytes.len(), BYTES_PER_TOKEN);
        let samples: Vec<i16> = bytes.chunks(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let peak = |of: &[i16]| of.iter().map(|s| i32::from(*s).abs()).max().unwrap();
        assert!(peak(&samples) > 4_000 && peak(&samples[..2]) < 200, "{}", peak(&samples));
        assert!(samples.iter().any(|s| *s < 0) && samples.iter().any(|s| *s > 0));
    }
}
