use crate::dialect::Decoder;
use sluice_chat::{ChatEvent, Failure};
pub(super) struct StreamDecoder;
impl StreamDecoder {
    pub(super) fn new() -> Self {
        Self
    }
}
impl Decoder for StreamDecoder {
    fn feed(&mut self, _: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        Ok(())
    }
    fn end(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        Ok(())
    }
}
pub(super) struct WholeDecoder;
impl WholeDecoder {
    pub(super) fn new() -> Self {
        Self
    }
}
impl Decoder for WholeDecoder {
    fn feed(&mut self, _: &[u8], _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        Ok(())
    }
    fn end(&mut self, _: &mut Vec<ChatEvent>) -> Result<(), Failure> {
        Ok(())
    }
}
