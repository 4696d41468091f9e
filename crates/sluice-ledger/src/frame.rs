//! How a record of the journal stands in a file: a frame that says whose it is and whether it is whole.
//!
//! `len u32 | crc32c u32 | epoch u32 | worker u16 | seq u64 | kind u8 | payload`, numbers of fixed size little-endian.
//! `len` counts what comes behind the checksum, the checksum covers the same bytes. The payload begins with the
//! distance to [`Header::synced`]; its numbers are varints (LEB128, signed ones in zigzag), its texts have their
//! length in bytes before them. A length of 0 is no frame: segments are allocated as zeros, so it is the end.

use std::sync::Arc;

use sluice_chat::{
    Usage,
    usage::{CompletionDetails, PromptDetails},
};

use crate::{
    AccountId, NanoUsd, PurseId, UsageSource, Window,
    record::{Answered, Checkpoint, Flags, LeaseChange, Mark, Record, RequestId, Reserve, Settle, Void},
};

/// Longest text of a frame beside the names of accounts, in bytes; longer ones are cut between characters.
pub const TEXT_BYTES_MAX: usize = 255;
/// Longest id of a key and longest name of a project, in bytes. They say who is charged and are far shorter.
pub const ACCOUNT_BYTES_MAX: usize = u16::MAX as usize;
/// What stands before the payload, in bytes.
pub const HEADER_BYTES: usize = 23;
/// Longest frame of a [`Settle`], in bytes.
pub const SETTLE_BYTES_MAX: usize =
    START_BYTES_MAX + 16 + 1 + 1 + 2 * VARINT_BYTES_MAX + USAGE_BYTES_MAX + ANSWERED_BYTES_MAX;
/// Longest frame of a [`Void`], in bytes.
pub const VOID_BYTES_MAX: usize = START_BYTES_MAX + 16 + 2 * VARINT_BYTES_MAX;
/// Longest frame that ends a request, in bytes: room for one is kept for every open reservation.
pub const END_BYTES_MAX: usize = SETTLE_BYTES_MAX;
/// Longest frame of a [`Checkpoint`], in bytes.
pub const CHECKPOINT_BYTES_MAX: usize = START_BYTES_MAX + TEXT_FIELD_BYTES_MAX + VARINT_BYTES_MAX;
/// Longest frame of all, in bytes: a [`Reserve`] with the longest names.
pub const FRAME_BYTES_MAX: usize = START_BYTES_MAX
    + 16
    + 1
    + 4 * VARINT_BYTES_MAX
    + 2 * (ACCOUNT_BYTES_MAX + LENGTH_BYTES_MAX)
    + TEXT_FIELD_BYTES_MAX;

/// Length and checksum.
const PREFIX_BYTES: usize = 8;
const VARINT_BYTES_MAX: usize = 10;
/// The varint before a text.
const LENGTH_BYTES_MAX: usize = 3;
const START_BYTES_MAX: usize = HEADER_BYTES + VARINT_BYTES_MAX;
const TEXT_FIELD_BYTES_MAX: usize = LENGTH_BYTES_MAX + TEXT_BYTES_MAX;
const USAGE_FIELDS: usize = 15;
const USAGE_BYTES_MAX: usize = 2 + USAGE_FIELDS * VARINT_BYTES_MAX;
const ANSWERED_BYTES_MAX: usize = 3 * TEXT_FIELD_BYTES_MAX;

const KIND_CHECKPOINT: u8 = 1;
const KIND_LEASE: u8 = 2;
const KIND_RESERVE: u8 = 3;
const KIND_MARK: u8 = 4;
const KIND_SETTLE: u8 = 5;
const KIND_VOID: u8 = 6;

/// Whose a frame is and where it belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The run of the node that wrote it.
    pub epoch: u32,
    /// The worker that wrote it.
    pub worker: u16,
    /// Counts the records of this worker in this run from 1, without gaps. A [`Checkpoint`] has no number of its own
    /// but repeats that of the record before it.
    pub seq: u64,
    /// Every record of this worker up to this one was known to be on the disk when this frame was written. What is
    /// missing below it was lost by the disk; what is missing above it may be the trace of a power loss.
    pub synced: u64,
}

/// Why bytes are not a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damaged {
    /// The length is none that a frame can have.
    Length,
    /// The bytes end before the frame does.
    Truncated,
    /// The checksum is of other bytes.
    Checksum,
    /// The checksum is right, but this release knows no such record.
    Content,
}

impl std::fmt::Display for Damaged {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Length => "no frame can be that long",
            Self::Truncated => "the frame is cut off",
            Self::Checksum => "the checksum is wrong",
            Self::Content => "a record that this release does not know: it was written by another one",
        })
    }
}

impl std::error::Error for Damaged {}

/// Appends the frame of `record` to `out`.
pub fn encode(out: &mut Vec<u8>, header: Header, record: &Record) {
    let start = out.len();
    let kind = match record {
        Record::Checkpoint(_) => KIND_CHECKPOINT,
        Record::Lease(_) => KIND_LEASE,
        Record::Reserve(_) => KIND_RESERVE,
        Record::Mark(_) => KIND_MARK,
        Record::Settle(_) => KIND_SETTLE,
        Record::Void(_) => KIND_VOID,
    };
    let mut fixed = [0; HEADER_BYTES];
    fixed[8..12].copy_from_slice(&header.epoch.to_le_bytes());
    fixed[12..14].copy_from_slice(&header.worker.to_le_bytes());
    fixed[14..22].copy_from_slice(&header.seq.to_le_bytes());
    fixed[22] = kind;
    out.extend_from_slice(&fixed);
    put_number(out, header.seq.saturating_sub(header.synced));
    match record {
        Record::Checkpoint(checkpoint) => {
            put_text(out, &checkpoint.node, TEXT_BYTES_MAX);
            put_number(out, checkpoint.unix_ms);
        }
        Record::Lease(lease) => {
            put_text(out, lease.purse.account.as_str(), ACCOUNT_BYTES_MAX);
            put_signed(out, lease.purse.window.0);
            put_signed(out, lease.change);
        }
        Record::Reserve(reserve) => put_reserve(out, reserve),
        Record::Mark(mark) => {
            out.extend_from_slice(&mark.request.0);
            out.push(u8::from(mark.cost.is_some()));
            put_number(out, mark.cost.unwrap_or_default().0);
            put_usage(out, &mark.usage);
            put_answered(out, &mark.answered);
        }
        Record::Settle(settle) => put_settle(out, settle),
        Record::Void(void) => {
            out.extend_from_slice(&void.request.0);
            put_number(out, void.unix_ms);
            put_number(out, u64::from(void.status));
        }
    }
    let rest = &out[start + PREFIX_BYTES..];
    // Every frame is at most FRAME_BYTES_MAX long.
    let length = u32::try_from(rest.len()).unwrap_or(u32::MAX).to_le_bytes();
    let checksum = crc32c::crc32c(rest).to_le_bytes();
    out[start..start + 4].copy_from_slice(&length);
    out[start + 4..start + PREFIX_BYTES].copy_from_slice(&checksum);
}

/// Reads the frame that `bytes` begin with, and how many bytes it took. `None` at the end: no bytes, or zeros where
/// the length would be. What stands behind those zeros is not looked at.
///
/// # Errors
/// [`Damaged`] where there is something that is no whole frame. A frame of which the rest is still to be read is
/// [`Damaged::Truncated`] too; no frame is longer than [`FRAME_BYTES_MAX`].
pub fn decode(bytes: &[u8]) -> Result<Option<(Header, Record, usize)>, Damaged> {
    decode_like(bytes, &mut None)
}

/// As [`decode`]. `last`: who answered in the frame before, and then in this one. Mostly it is the same, which then is
/// not made anew.
///
/// # Errors
/// As [`decode`].
pub fn decode_like(
    bytes: &[u8],
    last: &mut Option<Arc<Answered>>,
) -> Result<Option<(Header, Record, usize)>, Damaged> {
    let Some((length, behind)) = bytes.split_first_chunk::<4>() else {
        return if bytes.iter().all(|byte| *byte == 0) { Ok(None) } else { Err(Damaged::Truncated) };
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length == 0 {
        return Ok(None);
    }
    if !(HEADER_BYTES - PREFIX_BYTES..=FRAME_BYTES_MAX - PREFIX_BYTES).contains(&length) {
        return Err(Damaged::Length);
    }
    let (checksum, behind) = behind.split_first_chunk::<4>().ok_or(Damaged::Truncated)?;
    let rest = behind.get(..length).ok_or(Damaged::Truncated)?;
    if crc32c::crc32c(rest) != u32::from_le_bytes(*checksum) {
        return Err(Damaged::Checksum);
    }
    let mut reader = Reader(rest);
    let (header, record) = reader.frame(last).filter(|_| reader.0.is_empty()).ok_or(Damaged::Content)?;
    Ok(Some((header, record, PREFIX_BYTES + length)))
}

fn put_reserve(out: &mut Vec<u8>, reserve: &Reserve) {
    out.extend_from_slice(&reserve.request.0);
    out.push(
        u8::from(reserve.stream)
            | u8::from(reserve.key_window.is_some()) << 1
            | u8::from(reserve.project_window.is_some()) << 2,
    );
    put_number(out, reserve.unix_ms);
    put_number(out, reserve.reserved.0);
    put_text(out, &reserve.key, ACCOUNT_BYTES_MAX);
    put_text(out, &reserve.project, ACCOUNT_BYTES_MAX);
    put_text(out, &reserve.model, TEXT_BYTES_MAX);
    for window in [reserve.key_window, reserve.project_window].into_iter().flatten() {
        put_signed(out, window.0);
    }
}

fn put_settle(out: &mut Vec<u8>, settle: &Settle) {
    out.extend_from_slice(&settle.request.0);
    let source = match settle.source {
        UsageSource::Provider => 0,
        UsageSource::Estimated => 1,
        UsageSource::Interrupted => 2,
    };
    out.push(source | u8::from(settle.charged.is_some()) << 2);
    out.push(settle.flags.bits());
    put_number(out, settle.unix_ms);
    put_number(out, settle.charged.unwrap_or_default().0);
    put_usage(out, &settle.usage);
    put_answered(out, &settle.answered);
}

/// Two bytes say which counts are not 0; only those follow.
fn put_usage(out: &mut Vec<u8>, usage: &Usage) {
    let at = out.len();
    out.extend_from_slice(&[0; 2]);
    let mut present = 0_u16;
    for (bit, count) in counts(usage).into_iter().enumerate() {
        if count != 0 {
            present |= 1 << bit;
            put_number(out, count);
        }
    }
    out[at..at + 2].copy_from_slice(&present.to_le_bytes());
}

fn counts(usage: &Usage) -> [u64; USAGE_FIELDS] {
    let Usage { prompt_tokens, completion_tokens, prompt, completion } = *usage;
    [
        prompt_tokens,
        completion_tokens,
        prompt.cached_tokens,
        prompt.cache_write_tokens,
        prompt.text_tokens,
        prompt.audio_tokens,
        prompt.image_tokens,
        prompt.video_tokens,
        prompt.file_tokens,
        completion.text_tokens,
        completion.audio_tokens,
        completion.reasoning_tokens,
        completion.accepted_prediction_tokens,
        completion.rejected_prediction_tokens,
        prompt.cache_write_1h_tokens,
    ]
}

fn put_answered(out: &mut Vec<u8>, answered: &Answered) {
    for text in [&answered.provider, &answered.upstream_model, &answered.price_version] {
        put_text(out, text, TEXT_BYTES_MAX);
    }
}

fn put_text(out: &mut Vec<u8>, text: &str, most: usize) {
    let text = &text[..text.floor_char_boundary(most)];
    put_number(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    if number < 0x80 {
        out.push(low_bits(number));
        return;
    }
    let mut bytes = [0; VARINT_BYTES_MAX];
    let mut used = 0;
    while number >= 0x80 {
        bytes[used] = low_bits(number) | 0x80;
        number >>= 7;
        used += 1;
    }
    bytes[used] = low_bits(number);
    // All of it and then less: a copy of known length is no call.
    out.extend_from_slice(&bytes);
    out.truncate(out.len() - (VARINT_BYTES_MAX - 1 - used));
}

fn low_bits(number: u64) -> u8 {
    (number & 0x7f) as u8
}

fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
}

/// What is left of a frame whose checksum was right.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn frame(&mut self, last: &mut Option<Arc<Answered>>) -> Option<(Header, Record)> {
        let epoch = u32::from_le_bytes(self.array()?);
        let worker = u16::from_le_bytes(self.array()?);
        let seq = u64::from_le_bytes(self.array()?);
        let kind = self.byte()?;
        let synced = seq.checked_sub(self.number()?)?;
        let record = match kind {
            KIND_CHECKPOINT => {
                Record::Checkpoint(Checkpoint { node: self.text()?.to_owned(), unix_ms: self.number()? })
            }
            KIND_LEASE => {
                let account = AccountId::from_stored(self.text()?)?;
                let window = Window(self.signed()?);
                Record::Lease(LeaseChange { purse: PurseId { account, window }, change: self.signed()? })
            }
            KIND_RESERVE => Record::Reserve(self.reserve()?),
            KIND_MARK => {
                let request = RequestId(self.array()?);
                let priced = self.bits(1)?;
                let cost = Some(NanoUsd(self.number()?)).filter(|_| priced != 0);
                Record::Mark(Mark { request, cost, usage: self.usage()?, answered: self.answered(last)? })
            }
            KIND_SETTLE => Record::Settle(self.settle(last)?),
            KIND_VOID => Record::Void(Void {
                request: RequestId(self.array()?),
                unix_ms: self.number()?,
                status: u16::try_from(self.number()?).ok()?,
            }),
            _ => return None,
        };
        Some((Header { epoch, worker, seq, synced }, record))
    }

    fn reserve(&mut self) -> Option<Reserve> {
        let request = RequestId(self.array()?);
        let bits = self.bits(0b111)?;
        Some(Reserve {
            request,
            unix_ms: self.number()?,
            stream: bits & 1 != 0,
            reserved: NanoUsd(self.number()?),
            key: self.text()?.to_owned(),
            project: self.text()?.to_owned(),
            model: self.text()?.to_owned(),
            key_window: if bits & 2 == 0 { None } else { Some(Window(self.signed()?)) },
            project_window: if bits & 4 == 0 { None } else { Some(Window(self.signed()?)) },
        })
    }

    fn settle(&mut self, last: &mut Option<Arc<Answered>>) -> Option<Settle> {
        let request = RequestId(self.array()?);
        let bits = self.bits(0b111)?;
        let source = match bits & 3 {
            0 => UsageSource::Provider,
            1 => UsageSource::Estimated,
            2 => UsageSource::Interrupted,
            _ => return None,
        };
        Some(Settle {
            request,
            source,
            flags: Flags::from_bits(self.byte()?),
            unix_ms: self.number()?,
            charged: Some(NanoUsd(self.number()?)).filter(|_| bits & 4 != 0),
            usage: self.usage()?,
            answered: self.answered(last)?,
        })
    }

    fn usage(&mut self) -> Option<Usage> {
        let present = u16::from_le_bytes(self.array()?);
        if present >> USAGE_FIELDS != 0 {
            return None;
        }
        let mut counts = [0; USAGE_FIELDS];
        for (bit, count) in counts.iter_mut().enumerate() {
            if present & 1 << bit != 0 {
                *count = self.number()?;
            }
        }
        Some(Usage {
            prompt_tokens: counts[0],
            completion_tokens: counts[1],
            prompt: PromptDetails {
                cached_tokens: counts[2],
                cache_write_tokens: counts[3],
                cache_write_1h_tokens: counts[14],
                text_tokens: counts[4],
                audio_tokens: counts[5],
                image_tokens: counts[6],
                video_tokens: counts[7],
                file_tokens: counts[8],
            },
            completion: CompletionDetails {
                text_tokens: counts[9],
                audio_tokens: counts[10],
                reasoning_tokens: counts[11],
                accepted_prediction_tokens: counts[12],
                rejected_prediction_tokens: counts[13],
            },
        })
    }

    fn answered(&mut self, last: &mut Option<Arc<Answered>>) -> Option<Arc<Answered>> {
        let (provider, upstream_model, price_version) = (self.text()?, self.text()?, self.text()?);
        if let Some(last) = last
            && last.provider == provider
            && last.upstream_model == upstream_model
            && last.price_version == price_version
        {
            return Some(Arc::clone(last));
        }
        let answered = Arc::new(Answered {
            provider: provider.to_owned(),
            upstream_model: upstream_model.to_owned(),
            price_version: price_version.to_owned(),
        });
        Some(Arc::clone(last.insert(answered)))
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A byte of which only the bits of `known` may be set.
    fn bits(&mut self, known: u8) -> Option<u8> {
        self.byte().filter(|bits| bits & !known == 0)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..VARINT_BYTES_MAX * 7).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            let placed = bits << shift;
            if placed >> shift != bits {
                return None;
            }
            number |= placed;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn signed(&mut self) -> Option<i64> {
        let number = self.number()?;
        Some((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    fn text(&mut self) -> Option<&'a str> {
        let length = usize::try_from(self.number()?).ok()?;
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }
}

#[cfg(test)]
#[path = "frame_tests.rs"]
mod tests;
