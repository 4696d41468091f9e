use super::*;

#[test]
fn nothing() {
    assert_eq!(decode(&[]), Ok(None));
}
