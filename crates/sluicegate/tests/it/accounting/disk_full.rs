//! The disk of the data directory is full: whoever runs finishes, nobody is let in.

use std::{
    fs,
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use sluice_testkit::{
    answers,
    client::{Client, Ending, post},
    gate::Gate,
    patience::within,
    upstream::{Script, Upstream},
};

use tokio::task::JoinSet;

use super::{
    SERVER, ask,
    books::Books,
    callers::{Told, assert_complete},
    key,
};
use crate::rig::{launch, provider};

const SECRET: &str = "sk-diskfull-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
/// Room for the journals of two starts, and for a database of rows that are as long as the records here.
const DISK_BYTES: u32 = 256 << 20;
/// Streams that are open while the disk fills up.
const OPEN: usize = 3;
/// Callers who use up what the journal has left.
const CALLERS: usize = 12;

/// A file system of its own, in memory.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: &Path) -> Self {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={DISK_BYTES}");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output();
        let mount = mount.expect("the layer `disk full` needs the program `mount`");
        let said = String::from_utf8_lossy(&mount.stderr);
        assert!(
            mount.status.success(),
            "the layer `disk full` may not mount a tmpfs here (root may): {said}"
        );
        Self(at.to_owned())
    }

    /// Takes every byte that is left.
    fn fill(&self) {
        let mut file = fs::File::create(self.0.join("ballast")).unwrap();
        for size in [64 << 10, 4096, 1] {
            while file.write_all(&vec![0; size]).is_ok() {}
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

fn stream(most: usize) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"dear","stream":true,"max_completion_tokens":{most},"messages":[{{"role":"user","content":"go"}}]}}"#
    );
    post(SECRET, "", body)
}

/// A stream that begins, waits at the gate, and ends.
fn held(gate: &Gate) -> Script {
    let chunk = |text: &str| answers::chunk(text.as_bytes());
    Script::new()
        .write(answers::STREAM_HEAD)
        .write(chunk(&answers::text_event("first ")))
        .wait(gate)
        .write(chunk(&answers::text_event("last")))
        .write(chunk(&answers::finish_event()))
        .write(chunk(answers::DONE))
        .write(answers::LAST_CHUNK)
}

/// Asks until nobody is let in any more.
async fn use_up(addr: SocketAddr, told: Told) {
    let mut client = Client::connect(addr).await;
    while told.refused() == 0 {
        let (head, body) = client.exchange(ask(SECRET, "dear", "x", 5)).await;
        told.hear(&head, &body, false);
    }
}

#[tokio::test]
async fn whoever_runs_finishes_and_nobody_is_let_in() {
    let upstream = Upstream::start().await;
    // Long names make long records.
    let (name, long_model, project) = ("p".repeat(200), "m".repeat(255), "\u{1F4B0}".repeat(200));
    let model = format!(
        "[[projects]]\nname = \"{project}\"\n\
         [[models]]\nname = \"dear\"\ntargets = [{{ provider = \"{name}\", model = \"{long_model}\" }}]\n\
         stream_repair = \"off\"\nprice = {{ input = 1_000_000.0, output = 1_000_000.0 }}\n"
    );
    let server = SERVER.replace("[server]\n", "[server]\nworkers = 1\n");
    let provider = provider(&name, &upstream.base_url());
    let budget = format!("project = \"{project}\"\nbudget = {{ usd = 900000000.0, period = \"total\" }}");
    let launch = launch().config(&format!("{server}{provider}{model}{}", key("k", SECRET, &budget)));
    let disk = SmallDisk::mount(&launch.dir().join("data"));
    let mut gateway = launch.serve().await;
    let told = Told::default();

    let gate = Gate::new();
    let mut open = Vec::new();
    for _ in 0..OPEN {
        upstream.script(held(&gate));
        let mut client = Client::connect(gateway.data).await;
        client.send(stream(100)).await;
        let head = client.read_head().await;
        assert_eq!(head.status, 200);
        client.read_until("first").await;
        open.push((client, head));
    }
    disk.fill();
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        callers.spawn(use_up(gateway.data, told.clone()));
    }
    while let Some(ended) = within("the journal to be used up", callers.join_next()).await {
        ended.unwrap();
    }

    // What is left of the journal is for those that run.
    let before = told.count();
    gate.open();
    for (mut client, head) in open {
        let body = client.read_body(&head).await;
        assert_eq!(body.ending, Ending::Complete, "{}", body.text());
        told.hear(&head, &body, true);
    }
    assert_eq!(told.count(), before + OPEN);
    let mut client = Client::connect(gateway.data).await;
    disk.free();
    let works = async {
        loop {
            let (head, body) = client.exchange(ask(SECRET, "dear", "x", 5)).await;
            told.hear(&head, &body, false);
            if head.status == 200 {
                return;
            }
        }
    };
    within("the node to work again", works).await;
    gateway.terminate();
    assert!(gateway.ended().await.success());
    // What the database would not take at the end, the next start brings.
    let mut gateway = launch.serve().await;
    gateway.terminate();
    assert!(gateway.ended().await.success());
    let books = Books::of(gateway.dir()).await;
    let purse = books.purse_of_key("k").await;
    assert_complete(&books, &told, &purse).await;
}
