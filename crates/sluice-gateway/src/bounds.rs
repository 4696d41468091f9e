//! Every bound of the data plane with its unit in the name, in one place.

use std::time::Duration;

/// A caller's request head must be complete this long after its first byte.
pub(crate) const REQUEST_HEAD: Duration = Duration::from_secs(10);
/// A new connection must send its first byte, and finish its TLS handshake, within this.
pub(crate) const FIRST_BYTE: Duration = Duration::from_secs(10);
/// An idle keep-alive connection of a caller is closed after this.
pub(crate) const KEEP_ALIVE_IDLE: Duration = Duration::from_secs(75);
/// A request body may arrive at any pace for this long; after it, at [`BODY_MIN_BYTES_PER_SEC`] on average.
pub(crate) const BODY_GRACE: Duration = Duration::from_secs(5);
pub(crate) const BODY_MIN_BYTES_PER_SEC: u64 = 1024;
/// A caller that takes no byte of an answer for this long is cut.
pub(crate) const WRITE_STALL: Duration = Duration::from_secs(30);
/// Bytes that the kernel may hold of an answer before it has sent them: a reader who takes half of this within
/// [`WRITE_STALL`] makes progress that can be seen.
pub(crate) const UNSENT_BYTES: u32 = 64 * 1024;
/// After an error event an HTTP/2 stream is left open this long, for a caller whose window was shut.
pub(crate) const AFTER_ERROR: Duration = Duration::from_secs(1);
/// A connection that has not sent a request when the gateway leaves has this long, from its beginning, to do so.
pub(crate) const FIRST_BYTE_LEAVING: Duration = Duration::from_secs(1);
/// A caller whose departure may be hidden behind unread bytes is looked after this often.
pub(crate) const LOOK_AFTER_CALLER: Duration = Duration::from_millis(500);
/// Characters of a model's name in the log.
pub(crate) const LOGGED_NAME_CHARS: usize = 200;
/// Largest head of a caller's request, and most headers in it.
pub(crate) const HEADER_BYTES: usize = 64 * 1024;
pub(crate) const HEADER_COUNT: usize = 100;
/// Room for so many headers, at most, is kept for the next request.
pub(crate) const SPARE_HEADERS: usize = 64;
/// So many maps of them.
pub(crate) const SPARE_HEADER_MAPS: usize = 64;
/// What is read of a caller at once where nobody knows how much is to come; so much of what follows its request is
/// kept, at most.
pub(crate) const READ_AHEAD_BYTES: usize = 16 * 1024;
/// What goes out with one write; a piece larger than the second is not copied for that.
pub(crate) const CLIENT_BUFFER_BYTES: usize = 128 * 1024;
pub(crate) const COPIED_BYTES: usize = 32 * 1024;
/// What is read and thrown away of a request that was refused early, so that its sender sees the answer.
pub(crate) const LINGER_BYTES: usize = 8 * 1024 * 1024;
pub(crate) const LINGER: Duration = Duration::from_secs(1);
/// Longest `X-Trace-ID` that is taken over.
pub(crate) const TRACE_ID_BYTES: usize = 128;
/// JSON bodies above this are scanned off the worker.
pub(crate) const SCAN_ON_WORKER_BYTES: usize = 1024 * 1024;
/// Request bodies in memory at the same time: this share of the machine's memory.
pub(crate) const BODY_MEMORY_PERCENT: u64 = 25;

/// Clocks of an upstream call, where a model does not set its own.
pub(crate) const CONNECT_MS: u64 = 5_000;
pub(crate) const FIRST_TOKEN_MS: u64 = 60_000;
pub(crate) const IDLE_MS: u64 = 60_000;
pub(crate) const TOTAL_MS: u64 = 600_000;
pub(crate) const MAX_ATTEMPTS: u32 = 4;
/// First token of a model that thinks first.
pub(crate) const FIRST_TOKEN_REASONING_MS: u64 = 300_000;
/// Longest `Retry-After` that is waited for.
pub(crate) const RETRY_AFTER_WAIT_MS: u64 = 3_000;
/// Without a first token for so long a second target is tried beside the first; and where models think first.
pub(crate) const HEDGE_MS: u64 = 10_000;
pub(crate) const HEDGE_REASONING_MS: u64 = 60_000;
/// Hedges are at most this share of a model's requests.
pub(crate) const HEDGE_PERCENT: u32 = 5;
/// So much of the messages decides which of equal targets is called.
pub(crate) const STICKY_BYTES: usize = 1024;
/// A stream that has nothing to say for so long says that it is alive.
pub(crate) const SILENCE: Duration = Duration::from_secs(15);
/// A call goes on for so long after its caller has left, where the provider is to be treated so.
pub(crate) const DRAIN_CALL: Duration = Duration::from_secs(60);
/// Targets whose health is remembered, where callers name models themselves.
pub(crate) const HEALTH_COUNT: usize = 8 * 1024;
/// Requests that are kept for the repair of their streams, with the text of these: this share of the memory. Streams
/// beyond it are not repaired.
pub(crate) const REPAIR_MEMORY_PERCENT: u64 = 10;
/// After a finish reason the upstream has this long to send usage and `[DONE]`.
pub(crate) const AFTER_FINISH: Duration = Duration::from_secs(1);
/// Head of an upstream's answer.
pub(crate) const UPSTREAM_HEAD_BYTES: usize = 64 * 1024;
pub(crate) const UPSTREAM_HEADER_COUNT: usize = 100;
/// Interim (1xx) answers before the final one.
pub(crate) const UPSTREAM_INTERIM_COUNT: u32 = 8;
/// One server-sent event of an upstream.
pub(crate) const EVENT_BYTES: usize = 8 * 1024 * 1024;
/// A whole (not streamed) answer, and the body of an error answer.
pub(crate) const WHOLE_ANSWER_BYTES: usize = 64 * 1024 * 1024;
pub(crate) const ERROR_ANSWER_BYTES: usize = 256 * 1024;
/// The body of an error answer must be there this long after its head; else the status alone counts.
pub(crate) const ERROR_BODY: Duration = Duration::from_secs(2);
/// HTTP/2 towards upstreams: streams on one connection, and the pings that tell a dead one.
pub(crate) const UPSTREAM_H2_STREAMS: u32 = 100;
pub(crate) const UPSTREAM_H2_PING: Duration = Duration::from_secs(20);
pub(crate) const UPSTREAM_H2_PONG: Duration = Duration::from_secs(10);
/// Buffer that one read of an upstream may fill: small at first, more while reads fill it.
pub(crate) const READ_BYTES_MIN: usize = 4 * 1024;
pub(crate) const READ_BYTES_MAX: usize = 64 * 1024;
/// Idle upstream connections: how many per provider and worker, and for how long.
pub(crate) const POOL_IDLE_COUNT: usize = 256;
pub(crate) const POOL_IDLE: Duration = Duration::from_secs(50);

/// Where there is no room for a connection, of all this part gives way, as far as they are idle.
pub(crate) const GIVE_WAY_PART: usize = 8;
/// And again after so long, while there is still none: each takes up to a second for its orderly end.
pub(crate) const GIVE_WAY_PAUSE: Duration = Duration::from_millis(250);
/// Connections of callers: the file descriptor limit less this reserve, half of the rest for the upstream side.
pub(crate) const FD_RESERVE: u64 = 64;
/// HTTP/2 from callers (only under TLS): streams at a time and window sizes.
pub(crate) const H2_STREAMS: u32 = 100;
pub(crate) const H2_STREAM_WINDOW_BYTES: u32 = 256 * 1024;
pub(crate) const H2_CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
pub(crate) const H2_SEND_BUFFER_BYTES: usize = 64 * 1024;

/// Running requests have this long to finish at shutdown.
pub(crate) const DRAIN: Duration = Duration::from_secs(600);
/// Log lines, metrics of abandoned requests and idle connections are looked after this often.
pub(crate) const TICK: Duration = Duration::from_millis(50);
/// Batches of log lines that may wait for a slow standard output; more are dropped and counted.
pub(crate) const LOG_BATCHES: usize = 256;
pub(crate) const LOG_BATCH_BYTES: usize = 32 * 1024;

/// A request waits this long for money that other requests hold.
pub(crate) const ADMISSION_QUEUE: Duration = Duration::from_secs(2);
/// And this long for an answer of the database, each time it asks; longer only while the database answers others.
pub(crate) const LEASE_WAIT: Duration = Duration::from_millis(250);
/// What a budget had room for when it refused is known for this long.
pub(crate) const SPENT_KNOWN: Duration = Duration::from_millis(100);
/// While it waits it asks again this often.
pub(crate) const LEASE_ASK_AGAIN: Duration = Duration::from_millis(100);
/// Requests that may wait for a lease at the same time.
pub(crate) const LEASE_ASKS: usize = 4096;
/// Leases that nobody used for so long go back, where several nodes share the budgets.
pub(crate) const LEASE_IDLE: Duration = Duration::from_secs(1);
/// How often a node says that it is alive and looks for changes.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(1);
/// After so long without an answer of the database what is known of keys may be old.
pub(crate) const STALE_AFTER: Duration = Duration::from_secs(2);
/// Redis answers a batch about limits within this, or the node counts for itself.
pub(crate) const REDIS_ANSWER: Duration = Duration::from_millis(50);
/// A request waits this long for that: for the batch before its own, and for its own.
pub(crate) const REDIS_WAIT: Duration = Duration::from_millis(100);
/// A connection to Redis is made, and signed in, within this.
pub(crate) const REDIS_DIAL: Duration = Duration::from_secs(1);
/// How often a node says to Redis that it is alive, or tries to reach it.
pub(crate) const REDIS_BEAT: Duration = Duration::from_millis(500);
/// In milliseconds: after so long without a word from a node the requests that it holds no longer count.
pub(crate) const REDIS_NODE_MS: u32 = 3_000;
/// What workers have for Redis and is not sent yet, and how much of it goes at once.
pub(crate) const LIMIT_ASKS: usize = 8_192;
pub(crate) const LIMIT_BATCH: usize = 256;
/// Between two looks at the journal.
pub(crate) const DRAIN_PAUSE: Duration = Duration::from_millis(100);
/// While the books are behind the drain rests this many times as long as it worked, and not at all once the journal
/// has grown to this size.
pub(crate) const DRAIN_REST: u32 = 9;
pub(crate) const JOURNAL_WAITS_BYTES: u64 = 256 * 1024 * 1024;
/// How often what was gathered about how long answers took is written.
pub(crate) const LATENCIES: Duration = Duration::from_secs(5);
/// Who can watch the requests of a node at the same time, rows and events that one of them may fall behind, how often it
/// is told that nothing happens, how often it is asked whether it still may, and how long it watches at most.
pub(crate) const WATCHERS: usize = 32;
pub(crate) const FEED_ROWS: usize = 1_024;
pub(crate) const WATCHER_EVENTS: usize = 64;
pub(crate) const WATCHER_IDLE: Duration = Duration::from_secs(10);
pub(crate) const WATCHER_CHECK: Duration = Duration::from_secs(1);
pub(crate) const WATCH_MOST: Duration = Duration::from_secs(300);
/// Requests that were told to them; rows of other nodes that one look finds, and how old they may be.
pub(crate) const TOLD_COUNT: usize = 8_192;
pub(crate) const FEED_LOOK_ROWS: u32 = 500;
pub(crate) const FEED_LOOK_MS: u64 = 300_000;
/// How long a provider has for the list of its models.
pub(crate) const MODELS_LIST: Duration = Duration::from_secs(20);
/// Records that one look at the journal takes.
pub(crate) const DRAIN_RECORDS: usize = 4_000;
/// Postings that go into the books at once when an earlier run is recovered.
pub(crate) const RECOVERY_POSTINGS: usize = 2_000;
/// Records between two lines that say how far recovery is.
pub(crate) const RECOVERY_REPORT_RECORDS: u64 = 1_000_000;
/// Signatures of thinking that callers may not send back, over all keys.
pub(crate) const SIGNATURES_BYTES: usize = 16 * 1024 * 1024;
/// Larger ones are not kept.
pub(crate) const SIGNATURE_BYTES: usize = 256 * 1024;
/// Details of requests that wait for their money to be posted.
pub(crate) const DETAILS_COUNT: usize = 16_384;
/// Details on their way from the workers; more are dropped and counted.
pub(crate) const NOTES: usize = 16_384;
/// How often rows of old requests are looked for, and how many are deleted at once.
pub(crate) const RETIRE: Duration = Duration::from_secs(60);
pub(crate) const RETIRE_ROWS: u32 = 500;
/// How often the sums of the books are compared with its rows.
pub(crate) const SELF_CHECK: Duration = Duration::from_secs(86_400);
/// At the end of the process what is left is posted within this time; the rest stays in the journal.
pub(crate) const LAST_POSTS: Duration = Duration::from_secs(10);
/// A running stream notes what it costs so far after so many bytes (64 tokens by the rule of thumb), or so much time.
pub(crate) const MARK_BYTES: u64 = 256;
pub(crate) const MARK_EVERY: Duration = Duration::from_secs(1);
/// Where a key has a budget and nobody names a limit on the output: so many tokens.
pub(crate) const DEFAULT_OUTPUT_TOKENS: u64 = 16_384;
/// Of a request's output so many tokens count against limits before the true number is known.
pub(crate) const LIMIT_OUTPUT_TOKENS: u64 = 1_024;
/// Tokens around each message, at most: role and separators.
pub(crate) const MESSAGE_FRAME_TOKENS: u64 = 8;
/// A source of tokens or keys: to connect to it, and for the whole answer.
pub(crate) const TOKEN_CONNECT: Duration = Duration::from_secs(3);
pub(crate) const TOKEN: Duration = Duration::from_secs(10);
/// Largest answer of such a source.
pub(crate) const TOKEN_BYTES: usize = 256 * 1024;
/// A token is got anew this long before it runs out, or in the last quarter of its life where that is shorter.
pub(crate) const TOKEN_AHEAD_MS: u64 = 225_000;
/// With less than this left it is not used any more.
pub(crate) const TOKEN_SPARE_MS: u64 = 5_000;
/// After a failure all who need a token fail at once for this long, and this long nobody looks for the next one while
/// the old one holds.
pub(crate) const TOKEN_AGAIN: Duration = Duration::from_secs(1);
pub(crate) const TOKEN_REFRESH_AGAIN: Duration = Duration::from_secs(10);
/// A token that its provider refuses is got anew if it is older than this.
pub(crate) const TOKEN_FRESH_MS: u64 = 60_000;
/// Seconds that a token lives where its source does not say.
pub(crate) const TOKEN_LIFE_S: u64 = 600;

/// The longest `Idempotency-Key`.
pub(crate) const IDEMPOTENCY_KEY_BYTES: usize = 255;
/// A request waits this long for the database to say whose its key is.
pub(crate) const CLAIM_WAIT: Duration = Duration::from_millis(250);
/// Requests that may wait for that at the same time, and how many are asked for at once.
pub(crate) const CLAIM_ASKS: usize = 4_096;
pub(crate) const CLAIM_BATCH: usize = 128;
/// Keys that wait to be freed while the database is away.
pub(crate) const CLAIMS_TO_FREE: usize = 16_384;
/// Answers kept to be given again: all of them, each of them, and for how long after its end.
pub(crate) const ANSWERS_BYTES: usize = 64 * 1024 * 1024;
pub(crate) const RECORDING_BYTES: usize = 16 * 1024 * 1024;
pub(crate) const ANSWER_KEPT: Duration = Duration::from_secs(600);
/// Of a larger answer only so much is there, for those who read along.
pub(crate) const RECORDING_WINDOW_BYTES: usize = 1024 * 1024;
/// What an answer takes beside its pieces, and a piece beside its bytes.
pub(crate) const RECORDING_BASE_BYTES: usize = 1024;
pub(crate) const RECORDED_PIECE_BYTES: usize = 64;

/// Requests that one worker answers at a time: at most what this share of the memory holds, all workers together, at
/// so much for each; and however busy it is, so many.
pub(crate) const RUNNING_MEMORY_PERCENT: u64 = 25;
pub(crate) const RUNNING_BYTES: usize = 64 * 1024;
pub(crate) const RUNNING_LEAST: usize = 64;
/// More than it answers already it takes between two looks: so many, or a quarter of what it answers; where less than
/// one of [`IDLE_PART_STEP`] of the time was without work, so many, or one of 16; where it is late, so many, or one of 64.
pub(crate) const RUNNING_STEP: usize = 512;
pub(crate) const IDLE_PART_STEP: u32 = 8;
pub(crate) const RUNNING_STEP_BUSY: usize = 128;
pub(crate) const RUNNING_STEP_LATE: usize = 64;
/// A worker that was later than this at every look of a window answers fewer requests at a time; one that was never
/// later than that, more.
pub(crate) const LAG_HIGH: Duration = Duration::from_millis(20);
pub(crate) const LAG_LOW: Duration = Duration::from_millis(5);
pub(crate) const LAG_WINDOW: Duration = Duration::from_millis(250);
/// One that had nothing to do for this part of the window is not late for its requests.
pub(crate) const IDLE_PART: u32 = 4;
/// Late windows in which some of the requests beyond a fall must have ended, and in which it does not fall again where
/// none has.
pub(crate) const FALL_WINDOWS: u32 = 8;
/// Falls that have not made a worker less late leave one of so many together, as it may be late for something else; for
/// so many late windows, or until it is twice as late.
pub(crate) const VAIN_PART: usize = 4;
pub(crate) const VAIN_WINDOWS: u32 = 120;
/// Requests of one worker that wait for room; those of a key that has had some waiting for so long wait only so long.
pub(crate) const QUEUE_COUNT: usize = 8_192;
pub(crate) const QUEUE_BUSY: Duration = Duration::from_millis(500);
pub(crate) const QUEUE_BUSY_AGE: Duration = Duration::from_millis(50);
/// A busy line is one until nobody has stood in it for so long.
pub(crate) const QUEUE_CALM: Duration = Duration::from_millis(100);
/// Of such a key so many may wait, and this part of those who were let in between two looks.
pub(crate) const QUEUE_BUSY_LEAST: usize = 8;
pub(crate) const QUEUE_BUSY_PART: usize = 4;
/// Rows that the books get of requests refused by one worker for overload, within one [`TICK`].
pub(crate) const SHED_ROWS: u32 = 2;
/// The body of a request that is to be refused so is read up to this size, which spares its caller a new connection.
pub(crate) const SHED_READ_BYTES: u64 = 64 * 1024;

/// Requests that wait to become spans; what is beyond it is dropped.
pub(crate) const TRACES_WAITING: usize = 4_096;
/// So many requests go to the collector at once, or what there is after this time.
pub(crate) const TRACES_BATCH: usize = 256;
pub(crate) const TRACES_EVERY: Duration = Duration::from_secs(2);
/// The collector: to connect to it, and for its whole answer, of which so much is read.
pub(crate) const TRACES_CONNECT: Duration = Duration::from_secs(3);
pub(crate) const TRACES_SEND: Duration = Duration::from_secs(10);
pub(crate) const TRACES_ANSWER_BYTES: usize = 64 * 1024;
/// After a failure that may pass the same is sent once more after this.
pub(crate) const TRACES_AGAIN: Duration = Duration::from_secs(1);
/// At the end of the process what is left is sent within this time.
pub(crate) const TRACES_LAST: Duration = Duration::from_secs(5);

/// Media that are fetched for one request, where a provider cannot: how many, each, all together, and within which
/// time.
pub(crate) const MEDIA_COUNT: usize = 20;
pub(crate) const MEDIA_BYTES: usize = 20 * 1024 * 1024;
pub(crate) const MEDIA_TOTAL_BYTES: usize = 32 * 1024 * 1024;
pub(crate) const MEDIA: Duration = Duration::from_secs(20);
/// A test of a provider, from the connection to the answer.
pub(crate) const PROVIDER_TEST: Duration = Duration::from_secs(30);
