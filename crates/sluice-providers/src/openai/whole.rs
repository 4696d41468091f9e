use crate::passage::WholeAnswer;
use crate::vendor::VendorRow;
use bytes::Bytes;
use sluice_chat::Failure;
pub(crate) fn exact(body: Bytes) -> Result<WholeAnswer, Failure> {
    Ok(WholeAnswer { body, usage: None, usage_absurd: false, content_bytes: 0 })
}
pub(crate) fn normalised(_: &VendorRow, body: &Bytes) -> Result<WholeAnswer, Failure> {
    exact(body.clone())
}
