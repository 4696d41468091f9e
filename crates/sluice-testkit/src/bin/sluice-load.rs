//! The other side of a benchmark, as a process that can be pinned to a core of its own.
//!
//! `sluice-load upstream` prints its address and serves until its standard input ends. The other commands prepare,
//! print `ready`, wait for a line on standard input, run, and print one line of JSON; again for each further line.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a command-line tool that talks over its standard streams and measures time"
)]

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

use sluice_testkit::{
    bench_upstream,
    load::{Call, Closed, Kind, hold_open, mix, open_loop, overload},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin},
    net::TcpSocket,
};

const USAGE: &str = "usage:
  sluice-load upstream
  sluice-load closed KIND ADDR KEY CONNECTIONS SECONDS MAX_CALLS [KEYS]
  sluice-load open KIND ADDR KEY CONNECTIONS SECONDS RATE
  sluice-load overload KIND ADDR KEY SECONDS RATE
  sluice-load mix ADDR KEY SECONDS RATE
  sluice-load hold KIND ADDR KEY COUNT
KIND: small, body4k, body64k, body1m, burst, normalised, translated-anthropic, translated-gemini, paced, talk, idle";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = runtime.and_then(|runtime| runtime.block_on(run(&args)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("sluice-load: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(args: &[String]) -> io::Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["upstream"] => serve(&mut lines).await,
        ["closed", kind, addr, key, connections, seconds, max_calls, ref keys @ ..] => {
            let call = match keys {
                [] => Call::new(known(kind)?, key),
                [keys] => Call::new(known(kind)?, key).by_many(key, number(keys)?),
                _ => return Err(wrong(USAGE)),
            };
            let mut closed = Closed::open(number(addr)?, number(connections)?, call).await?;
            let (seconds, max_calls) = (Duration::from_secs_f64(number(seconds)?), number(max_calls)?);
            println!("ready");
            while lines.next_line().await?.is_some() {
                let (back, measured) = closed.run(seconds, max_calls).await;
                closed = back;
                println!("{}", measured.to_json());
            }
            Ok(())
        }
        ["open", kind, addr, key, connections, seconds, rate] => {
            let call = Call::new(known(kind)?, key);
            let addr: SocketAddr = number(addr)?;
            let (connections, rate) = (number(connections)?, number(rate)?);
            let seconds = Duration::from_secs_f64(number(seconds)?);
            println!("ready");
            while lines.next_line().await?.is_some() {
                let measured = open_loop(addr, connections, call.clone(), rate, seconds).await?;
                println!("{}", measured.to_json());
            }
            Ok(())
        }
        ["overload", kind, addr, key, seconds, rate] => {
            let call = Call::new(known(kind)?, key);
            let (addr, rate) = (number(addr)?, number(rate)?);
            let seconds = Duration::from_secs_f64(number(seconds)?);
            println!("ready");
            while lines.next_line().await?.is_some() {
                println!("{}", overload(addr, call.clone(), rate, seconds).await?.to_json());
            }
            Ok(())
        }
        ["mix", addr, key, seconds, rate] => {
            let (addr, rate) = (number(addr)?, number(rate)?);
            let seconds = Duration::from_secs_f64(number(seconds)?);
            println!("ready");
            while lines.next_line().await?.is_some() {
                println!("{}", mix(addr, key, rate, seconds).await.to_json());
            }
            Ok(())
        }
        ["hold", kind, addr, key, count] => {
            let call = Call::new(known(kind)?, key);
            println!("ready");
            lines.next_line().await?;
            let held = hold_open(number(addr)?, number(count)?, &call).await?;
            println!("{}", serde_json::json!({ "held": held.len() }));
            lines.next_line().await?;
            Ok(())
        }
        _ => Err(wrong(USAGE)),
    }
}

async fn serve(lines: &mut Lines<BufReader<Stdin>>) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    // Under overload thousands connect at once: an accept queue that is full would make them a second late.
    let listener = socket.listen(4096)?;
    println!("{}", listener.local_addr()?);
    tokio::select! {
        () = bench_upstream::serve(listener) => Ok(()),
        ended = lines.next_line() => ended.map(|_| ()),
    }
}

fn known(kind: &str) -> io::Result<Kind> {
    Kind::from_name(kind).ok_or_else(|| wrong(USAGE))
}

fn number<T: std::str::FromStr>(text: &str) -> io::Result<T> {
    text.parse().map_err(|_| wrong(&format!("`{text}` is not what it should be\n{USAGE}")))
}

fn wrong(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}
