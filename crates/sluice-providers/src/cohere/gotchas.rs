//! Known conversion bugs; each of [`GOTCHAS`] is a vector of that number.

use super::GOTCHAS;

#[test]
fn every_case_has_a_vector() {
    let vectors = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/cohere");
    let names: Vec<String> = std::fs::read_dir(vectors)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut numbers: Vec<u8> =
        names.iter().filter_map(|name| name.strip_prefix('g')?.get(..2)?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers, GOTCHAS);
}
