//! Log probabilities: those of no model, but what such an entry must be: every token has one, the asked number of
//! alternatives begins with the token itself, they are different, fall, and their probabilities add up to less than 1.

use super::dice::Dice;
use super::prose::word;

/// Writes the entry of one token. `place` makes equal tokens differ.
pub(super) fn write_entry(token: &str, place: u64, top: u64, out: &mut Vec<u8>) {
    let mut dice = Dice::of(&[token.as_bytes(), &place.to_le_bytes()]);
    let probability = 0.5 + dice.below(450) as f64 / 1_000.0;
    write_one(token, probability, out);
    out.extend_from_slice(b",\"top_logprobs\":[");
    let mut seen = vec![token.to_owned()];
    let mut left = 1.0 - probability;
    for at in 0..top {
        if at == 0 {
            write_one(token, probability, out);
        } else {
            let mut other = format!(" {}", word(&mut dice));
            while seen.contains(&other) {
                other = format!(" {}", word(&mut dice));
            }
            left /= 2.0;
            out.push(b',');
            write_one(&other, left, out);
            seen.push(other);
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
}

/// An entry without its end.
fn write_one(token: &str, probability: f64, out: &mut Vec<u8>) {
    // Rounded: the last digits of a logarithm differ from machine to machine.
    let logprob = (probability.ln() * 1e6).round() / 1e6;
    out.extend_from_slice(b"{\"token\":");
    super::escape::string(token, out);
    out.extend_from_slice(format!(",\"logprob\":{logprob:?},\"bytes\":[").as_bytes());
    for (at, byte) in token.bytes().enumerate() {
        out.extend_from_slice(if at > 0 { b"," } else { b"" });
        out.extend_from_slice(byte.to_string().as_bytes());
    }
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn check(token: &str, top: u64) {
        let mut out = Vec::new();
        write_entry(token, 7, top, &mut out);
        let entry: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(entry["token"], token);
        let bytes: Vec<u64> = token.bytes().map(u64::from).collect();
        assert_eq!(entry["bytes"], Value::from(bytes));
        let list = entry["top_logprobs"].as_array().unwrap();
        assert_eq!(list.len() as u64, top);
        let logprobs: Vec<f64> = list.iter().map(|one| one["logprob"].as_f64().unwrap()).collect();
        assert!(logprobs.windows(2).all(|pair| pair[0] > pair[1]), "{entry}");
        assert!(logprobs.iter().map(|logprob| logprob.exp()).sum::<f64>() <= 1.0 + 1e-6, "{entry}");
        let mut tokens: Vec<&str> = list.iter().map(|one| one["token"].as_str().unwrap()).collect();
        if top > 0 {
            assert_eq!((tokens[0], &list[0]["logprob"]), (token, &entry["logprob"]));
        }
        tokens.sort_unstable();
        tokens.dedup();
        assert_eq!(tokens.len() as u64, top, "different ones");
    }

    #[test]
    fn entries() {
        for top in [0, 1, 5, 20] {
            for token in ["one", " water", "漢字", "\"\\\n", ""] {
                check(token, top);
            }
        }
    }
}
