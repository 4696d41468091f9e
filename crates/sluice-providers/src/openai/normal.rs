use crate::passage::Progress;
use crate::vendor::VendorRow;
use bytes::Bytes;
use sluice_chat::Failure;
/// p
#[derive(Debug)]
pub struct NormalisedPassage {
    progress: Progress,
}
impl NormalisedPassage {
    pub(crate) fn new(_: &VendorRow, _: bool, _: usize) -> Self {
        Self { progress: Progress::default() }
    }
    pub(crate) fn push(&mut self, _: &[u8], _: &mut Vec<Bytes>) -> Result<(), Failure> {
        Ok(())
    }
    pub(crate) fn end(&mut self, _: &mut Vec<Bytes>) -> Result<(), Failure> {
        Ok(())
    }
    pub(crate) fn progress(&self) -> &Progress {
        &self.progress
    }
}
