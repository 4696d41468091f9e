//! One connection of the scripted upstream: a reading half that records requests and sees the peer's end, a writing
//! half that plays scripts.

use std::{net::TcpStream as StdStream, sync::Arc, time::Duration};

use bytes::Bytes;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;

use super::{PeerClose, Script, Shared, Step, request};

trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

pub(super) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    // Dropped with this task: connections end with their upstream.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        let (number, reset) = shared.open_connection();
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let ended = if reset { end_by_reset(stream) } else { serve(stream, tls, number, &shared).await };
            shared.closed.send_modify(|all| {
                all.insert(number, ended);
            });
        });
        while connections.try_join_next().is_some() {}
    }
}

fn end_by_reset(stream: TcpStream) -> PeerClose {
    let _ = SockRef::from(&stream).set_linger(Some(Duration::ZERO));
    drop(stream);
    PeerClose::OurOwn
}

async fn serve(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    number: usize,
    shared: &Arc<Shared>,
) -> PeerClose {
    stream.set_nodelay(true).unwrap();
    // A second handle on the same socket: the way to its options once the stream is split or under TLS.
    let std_stream = stream.into_std().unwrap();
    let handle = std_stream.try_clone().unwrap();
    let stream = TcpStream::from_std(std_stream).unwrap();
    match tls {
        None => converse(stream, handle, number, shared).await,
        Some(acceptor) => match acceptor.accept(stream).await {
            Ok(stream) => converse(stream, handle, number, shared).await,
            Err(_) => PeerClose::Reset,
        },
    }
}

/// How the playing of scripts came to its end.
enum Played {
    Reset,
    WriteFailed,
}

async fn converse<T: Transport>(
    stream: T,
    handle: StdStream,
    number: usize,
    shared: &Arc<Shared>,
) -> PeerClose {
    let (reader, writer) = tokio::io::split(stream);
    let (scripts, queue) = mpsc::unbounded_channel();
    let mut reading = Box::pin(read_requests(reader, scripts, number, shared));
    let mut playing = Box::pin(play_scripts(writer, queue, number, shared));
    let ended = tokio::select! {
        ended = &mut reading => ended,
        played = &mut playing => match played {
            Played::Reset => {
                let _ = SockRef::from(&handle).set_linger(Some(Duration::ZERO));
                PeerClose::OurOwn
            }
            // The peer is going away: its end is about to be read.
            Played::WriteFailed => reading.as_mut().await,
        },
    };
    drop(handle);
    ended
}

async fn read_requests<T: Transport>(
    mut reader: ReadHalf<T>,
    scripts: mpsc::UnboundedSender<Script>,
    number: usize,
    shared: &Shared,
) -> PeerClose {
    let mut buffer = Vec::new();
    loop {
        while let Some(request) = request::take(&mut buffer, number) {
            // The player may be gone; the request is recorded all the same.
            let _ = scripts.send(shared.take_request(request));
        }
        match reader.read_buf(&mut buffer).await {
            Ok(0) => return PeerClose::Fin,
            Ok(_) => {}
            Err(_) => return PeerClose::Reset,
        }
    }
}

async fn play_scripts<T: Transport>(
    mut writer: WriteHalf<T>,
    mut queue: mpsc::UnboundedReceiver<Script>,
    number: usize,
    shared: &Shared,
) -> Played {
    while let Some(script) = queue.recv().await {
        for step in script.0 {
            match step {
                Step::Write(bytes) => {
                    if write(&mut writer, &bytes, number, shared).await.is_err() {
                        return Played::WriteFailed;
                    }
                }
                Step::Pieces { bytes, size } => {
                    if write_pieces(&mut writer, &bytes, size, (number, shared)).await.is_err() {
                        return Played::WriteFailed;
                    }
                }
                Step::Wait(gate) => gate.opened().await,
                Step::Note(gate) => gate.open(),
                Step::Reset => return Played::Reset,
                Step::Stall => std::future::pending().await,
                Step::Fin => {
                    if writer.shutdown().await.is_err() {
                        return Played::WriteFailed;
                    }
                    std::future::pending().await
                }
            }
        }
    }
    Played::WriteFailed
}

async fn write_pieces<T: Transport>(
    writer: &mut WriteHalf<T>,
    bytes: &Bytes,
    size: usize,
    place: (usize, &Shared),
) -> std::io::Result<()> {
    for piece in bytes.chunks(size) {
        write(writer, piece, place.0, place.1).await?;
        // Lets the peer read between two pieces when it shares our thread.
        tokio::task::yield_now().await;
    }
    Ok(())
}

async fn write<T: Transport>(
    writer: &mut WriteHalf<T>,
    mut bytes: &[u8],
    number: usize,
    shared: &Shared,
) -> std::io::Result<()> {
    while !bytes.is_empty() {
        let taken = writer.write(bytes).await?;
        bytes = &bytes[taken..];
        shared.written_bytes.send_modify(|all| *all.entry(number).or_insert(0) += taken as u64);
    }
    writer.flush().await
}
