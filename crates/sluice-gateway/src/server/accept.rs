//! The accept loop: a permit first, then a connection, so that the process never runs out of descriptors.

use std::{future::Future, io, net::SocketAddr, rc::Rc, sync::Arc, task::Poll, time::Duration};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;

use crate::{
    bounds, clock,
    server::{
        Live,
        connection::{Accepted, Service, serve},
    },
    tasks,
    worker::Worker,
};

/// After an error of `accept` that says nothing about one connection (no descriptors, no memory).
const PAUSE: Duration = Duration::from_millis(50);

/// Gives the TLS configuration in force; `None`: plain TCP.
pub(crate) type CurrentTls = Rc<dyn Fn() -> Option<Arc<ServerConfig>>>;

/// Accepts and serves connections until `stop`, then empties the accept queue and closes the listener.
pub(crate) async fn accept_until_stopped<S: Service>(
    worker: &Rc<Worker>,
    service: S,
    listener: TcpListener,
    tls: CurrentTls,
    stop: impl Future<Output = ()>,
) {
    let permits = Arc::new(Semaphore::new(worker.max_connections));
    let mut stop = std::pin::pin!(stop);
    let begin = |(tcp, peer): (TcpStream, SocketAddr), permit: Option<OwnedSemaphorePermit>| {
        // Counted among the living before its task runs, so that a shutdown waits for it.
        let accepted = Accepted::new(worker, tcp, peer.ip());
        let service = service.clone();
        let tls = tls().map(TlsAcceptor::from);
        tasks::spawn_local(async move {
            serve(accepted, service, tls).await;
            drop(permit);
        });
    };
    loop {
        tokio::select! {
            accepted = next(&listener, &permits, &worker.live) => match accepted {
                Ok((accepted, permit)) => begin(accepted, permit),
                Err(_) => tokio::time::sleep(PAUSE).await,
            },
            () = &mut stop => break,
        }
    }
    // Whoever connected before the listener closes is served: nobody sees a reset instead of an answer.
    while let Some(accepted) = std::future::poll_fn(|cx| match listener.poll_accept(cx) {
        Poll::Ready(Ok(accepted)) => Poll::Ready(Some(accepted)),
        Poll::Ready(Err(_)) | Poll::Pending => Poll::Ready(None),
    })
    .await
    {
        begin(accepted, Arc::clone(&permits).try_acquire_owned().ok());
    }
}

async fn next(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
    live: &Live,
) -> io::Result<((TcpStream, SocketAddr), Option<OwnedSemaphorePermit>)> {
    let permit = match Arc::clone(permits).try_acquire_owned() {
        Ok(permit) => Some(permit),
        Err(_) => {
            let _crowded = live.crowded();
            loop {
                live.give_way(clock::now());
                let acquiring = Arc::clone(permits).acquire_owned();
                // The semaphore is never closed.
                if let Ok(permit) = tokio::time::timeout(bounds::GIVE_WAY_PAUSE, acquiring).await {
                    break permit.ok();
                }
            }
        }
    };
    Ok((listener.accept().await?, permit))
}
