//! The address of a server, and a connection to it.

use std::{borrow::Cow, fmt, pin::Pin, sync::Arc};

use redis::{
    AsyncConnectionConfig, Cmd, ErrorKind, IntoConnectionInfo as _, RedisConnectionInfo, RedisError,
    aio::MultiplexedConnection,
};
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use super::{Answers, Batch, NODES, SCRIPT, Word};

/// Where Redis or Valkey is, and how to sign in there. May carry a password, which is never shown.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    tls: bool,
    info: RedisConnectionInfo,
}

/// The port where nothing else is said.
const PORT: u16 = 6379;

impl Server {
    /// Reads `redis://[user:password@]host[:port][/database]`, or the same with `rediss://` for TLS.
    ///
    /// # Errors
    /// What is wrong with it, without the URL itself.
    pub fn parse(url: &str) -> Result<Self, ServerError> {
        let parsed = Url::parse(url).map_err(|_| ServerError("it is not a URL"))?;
        let tls = match parsed.scheme() {
            "redis" => false,
            "rediss" => true,
            _ => return Err(ServerError("it begins with neither redis:// nor rediss://")),
        };
        if parsed.fragment().is_some() {
            return Err(ServerError("it has a fragment (`#…`): leave that out"));
        }
        let host = parsed.host_str().ok_or(ServerError("it names no host"))?.to_owned();
        // TLS is ours to do: the client reads the rest.
        let plain = if tls { url.replacen("rediss", "redis", 1) } else { url.to_owned() };
        let info = plain.into_connection_info().map_err(|_| {
            ServerError(
                "only a database number may follow the host, as in redis://host:6379/0, and the host is one that \
                 can be connected to",
            )
        })?;
        let info = info.redis_settings().clone().set_skip_set_lib_name();
        Ok(Self { host, port: parsed.port().unwrap_or(PORT), tls, info })
    }

    /// Name or address; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is spoken to over TLS.
    pub fn tls(&self) -> bool {
        self.tls
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({self})")
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "rediss" } else { "redis" };
        write!(f, "{scheme}://{}:{}", self.host, self.port)
    }
}

/// Why a URL is none of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the URL of Redis cannot be used: {0}")]
pub struct ServerError(&'static str);

impl ServerError {
    /// What is wrong with the URL.
    pub fn reason(&self) -> &'static str {
        self.0
    }
}

/// Why the server gave no answer that counts. The connection is of no more use.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// It did not take name and password.
    #[error("Redis refuses the user name or password in `redis.url`")]
    Refused,
    /// It reports an error, in its own words.
    #[error("Redis answered with an error: {0}")]
    Failed(String),
    /// The connection broke.
    #[error("the connection to Redis broke: {0}")]
    Broken(String),
    /// Something that is no answer to what was asked.
    #[error("Redis answered something that was not asked: is it Redis 6 or newer, or Valkey?")]
    Foreign,
}

/// A connection to a server.
pub struct Link {
    connection: MultiplexedConnection,
    /// What moves bytes while an answer is awaited.
    driver: Pin<Box<dyn Future<Output = ()> + Send>>,
    node: Arc<str>,
    text: Cow<'static, str>,
    /// What the server calls it.
    script: String,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("node", &self.node).finish_non_exhaustive()
    }
}

impl Link {
    /// Signs in over `stream`, which leads to `server`, as the node that others know as `node`. Has no bound in time of
    /// its own, as little as [`Link::exchange`].
    ///
    /// # Errors
    /// The server's, or those of the connection.
    pub async fn begin<S>(server: &Server, stream: S, node: &str) -> Result<Self, LinkError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Self::with_script(server, stream, node, Cow::Borrowed(SCRIPT)).await
    }

    pub(super) async fn with_script<S>(
        server: &Server,
        stream: S,
        node: &str,
        text: Cow<'static, str>,
    ) -> Result<Self, LinkError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let (connection, driver) =
            MultiplexedConnection::new_with_config(&server.info, stream, config).await?;
        let driver = Box::pin(driver);
        let mut link = Self { connection, driver, node: node.into(), text, script: String::new() };
        link.load().await?;
        Ok(link)
    }

    /// Has the operations of `batch` done.
    ///
    /// # Errors
    /// The server's, or those of the connection. Whether they were done is not known then.
    pub async fn exchange(&mut self, batch: &Batch) -> Result<Answers, LinkError> {
        let numbers: Vec<i64> = match self.ask(&self.call(batch)).await {
            // A server that has forgotten the script has done nothing yet.
            Err(error) if error.code() == Some("NOSCRIPT") => {
                self.load().await?;
                self.ask(&self.call(batch)).await?
            }
            answered => answered?,
        };
        Ok(Answers { numbers: numbers.into_iter() })
    }

    async fn load(&mut self) -> Result<(), LinkError> {
        let mut load = redis::cmd("SCRIPT");
        load.arg("LOAD").arg(&*self.text);
        self.script = self.ask(&load).await?;
        Ok(())
    }

    fn call(&self, batch: &Batch) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.script).arg(batch.keys.len() + 1).arg(NODES);
        for key in &batch.keys {
            call.arg(&**key);
        }
        call.arg(&*self.node);
        for word in &batch.words {
            match word {
                Word::Name(name) => call.arg(*name),
                Word::Number(number) => call.arg(*number),
            };
        }
        call
    }

    pub(super) async fn ask<T: redis::FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        tokio::select! {
            biased;
            answer = command.query_async(&mut self.connection) => answer,
            () = &mut self.driver => Err(RedisError::from((ErrorKind::Io, "it was closed"))),
        }
    }
}

impl From<RedisError> for LinkError {
    fn from(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Refused,
            ErrorKind::Server(_) | ErrorKind::Extension => match error.code() {
                Some("WRONGPASS" | "NOAUTH") => Self::Refused,
                _ => Self::Failed(error.to_string()),
            },
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => Self::Foreign,
            _ => Self::Broken(error.to_string()),
        }
    }
}
