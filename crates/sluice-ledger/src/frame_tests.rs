use proptest::{collection::vec, prelude::*};

use super::*;

fn text(most: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-z0-9_/.-]{0,40}",
        2 => vec(any::<char>(), 0..most / 4).prop_map(String::from_iter),
    ]
}

fn usage() -> impl Strategy<Value = Usage> {
    let count = prop_oneof![3 => Just(0), 3 => 0..100_000_u64, 1 => any::<u64>()];
    vec(count, USAGE_FIELDS).prop_map(|counts| {
        let prompt = PromptDetails {
            cached_tokens: counts[2],
            cache_write_tokens: counts[3],
            cache_write_1h_tokens: counts[14],
            text_tokens: counts[4],
            audio_tokens: counts[5],
            image_tokens: counts[6],
            video_tokens: counts[7],
            file_tokens: counts[8],
        };
        let completion = CompletionDetails {
            text_tokens: counts[9],
            audio_tokens: counts[10],
            reasoning_tokens: counts[11],
            accepted_prediction_tokens: counts[12],
            rejected_prediction_tokens: counts[13],
        };
        Usage { prompt_tokens: counts[0], completion_tokens: counts[1], prompt, completion }
    })
}

fn answered() -> impl Strategy<Value = Arc<Answered>> {
    let text = || text(TEXT_BYTES_MAX);
    (text(), text(), text()).prop_map(|(provider, upstream_model, price_version)| {
        Arc::new(Answered { provider, upstream_model, price_version })
    })
}

fn request() -> impl Strategy<Value = RequestId> {
    any::<[u8; 16]>().prop_map(RequestId)
}

fn money() -> impl Strategy<Value = Option<NanoUsd>> {
    any::<Option<u64>>().prop_map(|amount| amount.map(NanoUsd))
}

fn reserves() -> impl Strategy<Value = Reserve> {
    let names = (text(2_000), text(2_000), text(TEXT_BYTES_MAX));
    let windows = any::<(Option<i64>, Option<i64>)>();
    (request(), any::<(u64, u64, bool)>(), names, windows).prop_map(|(request, numbers, names, windows)| {
        let ((unix_ms, reserved, stream), (key, project, model)) = (numbers, names);
        let (key_window, project_window) = (windows.0.map(Window), windows.1.map(Window));
        let reserved = NanoUsd(reserved);
        Reserve { request, unix_ms, key, project, model, stream, reserved, key_window, project_window }
    })
}

fn settles() -> impl Strategy<Value = Settle> {
    let source = prop_oneof![
        Just(UsageSource::Provider),
        Just(UsageSource::Estimated),
        Just(UsageSource::Interrupted)
    ];
    (request(), any::<u64>(), usage(), source, money(), answered(), 0..8_u8).prop_map(
        |(request, unix_ms, usage, source, charged, answered, bits)| {
            let flags = Flags::from_bits(bits);
            Settle { request, unix_ms, usage, source, charged, answered, flags }
        },
    )
}

fn records() -> impl Strategy<Value = Record> {
    let account = (any::<bool>(), text(500)).prop_map(|(is_key, name)| match is_key {
        true => AccountId::key(&name),
        false => AccountId::project(&name),
    });
    prop_oneof![
        (text(TEXT_BYTES_MAX), any::<u64>())
            .prop_map(|(node, unix_ms)| Record::Checkpoint(Checkpoint { node, unix_ms })),
        (account, any::<(i64, i64)>()).prop_map(|(account, (window, change))| {
            Record::Lease(LeaseChange { purse: PurseId { account, window: Window(window) }, change })
        }),
        reserves().prop_map(Record::Reserve),
        (request(), usage(), money(), answered()).prop_map(|(request, usage, cost, answered)| {
            Record::Mark(Mark { request, usage, cost, answered })
        }),
        settles().prop_map(Record::Settle),
        (request(), any::<u64>(), any::<u16>()).prop_map(|(request, unix_ms, status)| Record::Void(Void {
            request,
            unix_ms,
            status
        })),
    ]
}

fn headers() -> impl Strategy<Value = Header> {
    any::<(u32, u16, u64, u64)>().prop_map(|(epoch, worker, a, b)| Header {
        epoch,
        worker,
        seq: a.max(b),
        synced: a.min(b),
    })
}

fn encoded(header: Header, record: &Record) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(&mut bytes, header, record);
    bytes
}

proptest! {
    #[test]
    fn frames_are_read_back(header in headers(), record in records(), behind in vec(any::<u8>(), 0..40)) {
        let mut bytes = encoded(header, &record);
        let length = bytes.len();
        bytes.extend_from_slice(&behind);
        prop_assert_eq!(decode(&bytes), Ok(Some((header, record.clone(), length))));
        let most = match record {
            Record::Settle(_) => SETTLE_BYTES_MAX,
            Record::Void(_) => VOID_BYTES_MAX,
            Record::Checkpoint(_) => CHECKPOINT_BYTES_MAX,
            _ => FRAME_BYTES_MAX,
        };
        prop_assert!(length <= most);
    }

    #[test]
    fn a_flipped_bit_is_missed(header in headers(), record in records(), place in any::<prop::sample::Index>()) {
        let mut bytes = encoded(header, &record);
        let bit = place.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(!matches!(decode(&bytes), Ok(Some(_))));
    }

    #[test]
    fn a_part_is_no_frame(header in headers(), record in records(), place in any::<prop::sample::Index>()) {
        let bytes = encoded(header, &record);
        let part = &bytes[..place.index(bytes.len() - 1) + 1];
        prop_assert!(matches!(decode(part), Err(Damaged::Truncated)) || part.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
        crate::fuzzing::journal_frame(&bytes);
    }
}

#[test]
fn the_end_is_zeros() {
    let check = |bytes: &[u8], expect: Result<Option<()>, Damaged>| {
        assert_eq!(decode(bytes).map(|found| found.map(drop)), expect, "{bytes:?}");
    };
    check(&[], Ok(None));
    check(&[0; 3], Ok(None));
    check(&[0; 100], Ok(None));
    check(&[0, 0, 0, 0, 1], Ok(None));
    check(&[1], Err(Damaged::Truncated));
    check(&[20, 0, 0, 0, 1], Err(Damaged::Truncated));
    check(&[14, 0, 0, 0, 0, 0, 0, 0], Err(Damaged::Length));
    check(&[0xff; 8], Err(Damaged::Length));
    check(&[15, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Err(Damaged::Checksum));
}

#[test]
fn long_texts_are_cut_between_characters_and_keep_to_their_bounds() {
    let longest = "\u{e9}".repeat(100_000);
    let cut = |most: usize| "\u{e9}".repeat(most / 2);
    let window = Some(Window(i64::MIN));
    let answered = Arc::new(Answered {
        provider: longest.clone(),
        upstream_model: longest.clone(),
        price_version: longest.clone(),
    });
    let all = u64::MAX;
    let usage = Usage {
        prompt_tokens: all,
        completion_tokens: all,
        prompt: PromptDetails {
            cached_tokens: all,
            cache_write_tokens: all,
            cache_write_1h_tokens: all,
            text_tokens: all,
            audio_tokens: all,
            image_tokens: all,
            video_tokens: all,
            file_tokens: all,
        },
        completion: CompletionDetails {
            text_tokens: all,
            audio_tokens: all,
            reasoning_tokens: all,
            accepted_prediction_tokens: all,
            rejected_prediction_tokens: all,
        },
    };
    let request = RequestId([0xff; 16]);
    let header = Header { epoch: u32::MAX, worker: u16::MAX, seq: u64::MAX, synced: 0 };
    let reserve = Record::Reserve(Reserve {
        request,
        unix_ms: all,
        key: longest.clone(),
        project: longest.clone(),
        model: longest.clone(),
        stream: true,
        reserved: NanoUsd(all),
        key_window: window,
        project_window: window,
    });
    let settle = Record::Settle(Settle {
        request,
        unix_ms: all,
        usage,
        source: UsageSource::Interrupted,
        charged: Some(NanoUsd(all)),
        answered,
        flags: Flags::from_bits(7),
    });
    let checkpoint = Record::Checkpoint(Checkpoint { node: longest, unix_ms: all });
    // The longest texts of two-byte characters are one byte short of an odd bound.
    let check = |record: &Record, most: usize, short: usize| {
        let bytes = encoded(header, record);
        assert_eq!(bytes.len() + short, most);
        let (_, read, _) = decode(&bytes).unwrap().unwrap();
        read
    };
    let Record::Reserve(read) = check(&reserve, FRAME_BYTES_MAX, 4) else { panic!() };
    assert_eq!((read.key, read.model), (cut(ACCOUNT_BYTES_MAX), cut(TEXT_BYTES_MAX)));
    let Record::Settle(read) = check(&settle, SETTLE_BYTES_MAX, 6) else { panic!() };
    assert_eq!((&read.answered.provider, read.usage), (&cut(TEXT_BYTES_MAX), usage));
    check(&checkpoint, CHECKPOINT_BYTES_MAX, 2);
}
