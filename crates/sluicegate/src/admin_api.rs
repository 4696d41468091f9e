//! The admin API of a running gateway, as the commands use it.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST},
    rt::{Read, Write},
};
use hyper_util::rt::TokioIo;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use serde_json::Value;
use tokio::{net::TcpStream, runtime, time::timeout};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::{
    Failure, cli,
    commands::{config_path, load},
    environment,
    greeting::reachable,
    settings::Overrides,
};

const TOKEN_VARIABLE: &str = "SLUICEGATE_ADMIN_TOKEN";
/// Time for one call, from the connection to the last byte.
const CALL: Duration = Duration::from_secs(60);
/// Largest answer, in bytes.
const ANSWER_BYTES: usize = 256 * 1024 * 1024;

/// Where the gateway is, and what lets us in.
pub(crate) struct AdminApi {
    url: Url,
    token: String,
    /// Where the token is from, for whom it is refused.
    token_from: String,
    /// The certificate of the configuration, where the address is from there: it need not be made out to the address.
    pinned: Option<CertificateDer<'static>>,
}

/// Runs a command that talks to a gateway.
pub(crate) fn with_gateway<F>(
    arguments: &cli::Admin,
    command: impl FnOnce(AdminApi) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let api = AdminApi::find(arguments)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start a runtime: {error}"))?;
    runtime.block_on(command(api))
}

impl AdminApi {
    /// The configuration is only read for what was not named: who manages a gateway need not have the variables that
    /// it runs with.
    fn find(arguments: &cli::Admin) -> Result<Self, Failure> {
        let token = environment::variable(TOKEN_VARIABLE).filter(|token| !token.is_empty());
        let needs_dir = token.is_none() && arguments.data_dir.is_none();
        let settings = match arguments.admin_url.is_none() || needs_dir {
            true => {
                let overrides = Overrides { data_dir: arguments.data_dir.clone(), ..Overrides::default() };
                Some(load(config_path(&arguments.config).as_deref(), &overrides)?)
            }
            false => None,
        };
        let server = settings.as_ref().map(|settings| &settings.server);
        let url = match (&arguments.admin_url, server) {
            (Some(url), _) => url.clone(),
            (None, Some(server)) => default_url(server.admin_listen, server.uses_admin_tls())?,
            (None, None) => return Err("name the gateway's admin listener by --admin-url".into()),
        };
        check_url(&url)?;
        let (token, token_from) = match (token, arguments.data_dir.as_ref().or(server.map(|s| &s.data_dir))) {
            (Some(token), _) => (token, TOKEN_VARIABLE.to_owned()),
            (None, Some(dir)) => (stored_token(dir)?, dir.join("admin.token").display().to_string()),
            (None, None) => return Err(format!("there is no admin token: set {TOKEN_VARIABLE}").into()),
        };
        if !token.bytes().all(|byte| (0x21..=0x7e).contains(&byte)) {
            return Err(format!("the admin token in {token_from} has characters that none has").into());
        }
        let pinned = match (&arguments.admin_url, server.and_then(|server| server.certificate())) {
            (None, Some(path)) if url.scheme() == "https" => Some(first_certificate(path)?),
            _ => None,
        };
        Ok(Self { url, token, token_from, pinned })
    }

    /// Makes a call. `path` begins behind `/admin/v1`, and may have a query.
    ///
    /// # Errors
    /// Who cannot be reached, or what the gateway says.
    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let late = |_| Failure(format!("{} has not answered within {} seconds", self.url, CALL.as_secs()));
        let (status, bytes) = timeout(CALL, self.exchange(method, path, body)).await.map_err(late)??;
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        match answer {
            Some(answer) if status.is_success() => Ok(answer),
            Some(answer) if answer["error"]["message"].is_string() => {
                Err(self.refusal(status, answer["error"]["message"].as_str().unwrap_or_default()))
            }
            _ => {
                Err(format!("{} is no admin listener of a Sluicegate: it answered {status}", self.url).into())
            }
        }
    }

    /// All pages of a list.
    pub(crate) async fn list(&self, path: &str) -> Result<Vec<Value>, Failure> {
        let mut all = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = self.call(Method::GET, &format!("{path}?limit=500{cursor}"), None).await?;
            all.extend(page["data"].as_array().into_iter().flatten().cloned());
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok(all),
            }
        }
    }

    fn refusal(&self, status: StatusCode, message: &str) -> Failure {
        match status {
            StatusCode::UNAUTHORIZED => {
                Failure(format!("the gateway does not take the admin token of {}", self.token_from))
            }
            _ => Failure(format!("the gateway refused: {message}")),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let (host, port) = (self.url.host(), self.url.port_or_known_default().unwrap_or(80));
        let (name, address) = match host {
            Some(Host::Ipv4(ip)) => (ip.to_string(), ip.to_string()),
            Some(Host::Ipv6(ip)) => (ip.to_string(), ip.to_string()),
            Some(Host::Domain(name)) => (name.to_owned(), name.to_owned()),
            None => return Err("the address has no host".into()),
        };
        let tcp = TcpStream::connect((address, port)).await.map_err(|error| self.unreachable(&error))?;
        let request = self.request(method, path, body)?;
        if self.url.scheme() == "http" {
            return self.send(TokioIo::new(tcp), request).await;
        }
        let name = ServerName::try_from(name).map_err(|error| format!("{}: {error}", self.url))?;
        let tls = TlsConnector::from(Arc::new(tls(self.pinned.clone())?)).connect(name, tcp).await;
        self.send(TokioIo::new(tls.map_err(|error| self.unreachable(&error))?), request).await
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Request<Full<Bytes>>, Failure> {
        let prefix = self.url.path().trim_end_matches('/');
        let host = &self.url[url::Position::BeforeHost..url::Position::AfterPort];
        let body = body.map(|body| Bytes::from(body.to_string())).unwrap_or_default();
        Request::builder()
            .method(method)
            .uri(format!("{prefix}/admin/v1{path}"))
            .header(HOST, host)
            .header(AUTHORIZATION, format!("Bearer {}", self.token))
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| Failure(format!("this cannot be asked of a gateway: {error}")))
    }

    async fn send<T: Read + Write + Unpin>(
        &self,
        io: T,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), Failure> {
        let broken = |error: &hyper::Error| {
            // Who speaks TLS says so in bytes that are no HTTP.
            let tls = self.url.scheme() == "http" && (error.is_parse() || error.is_incomplete_message());
            let hint = if tls { "; where it speaks TLS its address begins with https://" } else { "" };
            Failure(format!("{} has not answered: {error}{hint}", self.url))
        };
        let too_large =
            |error: &dyn std::fmt::Display| Failure(format!("{} has not answered: {error}", self.url));
        let (mut sender, connection) = http1::handshake(io).await.map_err(|error| broken(&error))?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect().await;
            Ok((status, body.map_err(|error| too_large(&error))?.to_bytes()))
        };
        tokio::pin!(answer);
        tokio::select! {
            answer = &mut answer => answer,
            ended = connection => match ended {
                // The answer may have come with the end of the connection.
                Ok(()) => answer.await,
                Err(error) => Err(broken(&error)),
            },
        }
    }

    fn unreachable(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure(format!(
                "no gateway listens on {}: start one by `sluicegate serve`, or name its admin listener by --admin-url",
                self.url
            )),
            _ => match error.get_ref().and_then(|inner| inner.downcast_ref()) {
                Some(rustls::Error::InvalidCertificate(why)) => self.untrusted(why),
                _ => Failure(format!("{} cannot be reached: {error}", self.url)),
            },
        }
    }

    /// Why the certificate that the gateway shows is not good enough for the token.
    fn untrusted(&self, why: &CertificateError) -> Failure {
        let Self { url, pinned, .. } = self;
        Failure(match why {
            CertificateError::UnknownIssuer if pinned.is_some() => {
                format!(
                    "{url} shows another certificate than the configuration has: was it changed without SIGHUP?"
                )
            }
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "{url} shows a certificate of an authority that is not trusted here: name a file with the \
                 authority's own by SSL_CERT_FILE"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!("{url} shows a certificate that is not made out to this name")
            }
            why => format!("{url} shows a certificate that is not good: {why}"),
        })
    }
}

fn default_url(admin_listen: std::net::SocketAddr, tls: bool) -> Result<Url, Failure> {
    let scheme = if tls { "https" } else { "http" };
    let text = format!("{scheme}://{}", reachable(admin_listen));
    Url::parse(&text).map_err(|error| Failure(format!("{text}: {error}")))
}

/// The token goes there: what else may stand in an address is not asked of it.
fn check_url(url: &Url) -> Result<(), Failure> {
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("--admin-url must begin with http:// or https://".into());
    }
    if !url.username().is_empty()
        || url.password().is_some()
        || url.query().is_some()
        || url.fragment().is_some()
    {
        return Err("--admin-url must have no user, password, query or fragment".into());
    }
    Ok(())
}

fn stored_token(dir: &Path) -> Result<String, Failure> {
    let path = dir.join("admin.token");
    match fs::read_to_string(&path) {
        Ok(token) => Ok(token.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(format!(
            "there is no admin token: {} is not there. Start `sluicegate serve` first, name its directory by \
             --data-dir, or set {TOKEN_VARIABLE}",
            path.display()
        )
        .into()),
        Err(error) => Err(format!("cannot read {}: {error}", path.display()).into()),
    }
}

fn first_certificate(path: &Path) -> Result<CertificateDer<'static>, Failure> {
    CertificateDer::from_pem_file(path).map_err(|error| Failure(format!("{}: {error}", path.display())))
}

/// Trusts one certificate, whatever it is made out to.
#[derive(Debug)]
struct Pinned {
    certificate: CertificateDer<'static>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match *end_entity == self.certificate {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// TLS that trusts the bundled roots and those of the system; or one certificate alone.
fn tls(pinned: Option<CertificateDer<'static>>) -> Result<ClientConfig, Failure> {
    let unavailable = |error| Failure(format!("TLS is not available: {error}"));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    if let Some(certificate) = pinned {
        let config = ClientConfig::builder_with_provider(Arc::clone(&provider));
        let config = config.with_safe_default_protocol_versions().map_err(unavailable)?.dangerous();
        let verifier = Arc::new(Pinned { certificate, provider });
        return Ok(config.with_custom_certificate_verifier(verifier).with_no_client_auth());
    }
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for cert in rustls_native_certs::load_native_certs().certs {
        // A root that cannot be read is one that cannot vouch for anybody.
        let _ = roots.add(cert);
    }
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(unavailable)?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, good: bool| {
            assert_eq!(check_url(&Url::parse(text).unwrap()).is_ok(), good, "{text}");
        };
        check("http://127.0.0.1:8081", true);
        check("https://gateway.example/behind/", true);
        check("http://[::1]:8081/", true);
        check("ftp://h", false);
        check("http://u:p@h", false);
        check("http://h?x", false);
        check("data:x", false);
        assert_eq!(
            default_url("0.0.0.0:8081".parse().unwrap(), false).unwrap().as_str(),
            "http://127.0.0.1:8081/"
        );
    }

    #[test]
    fn requests_go_behind_the_path_of_the_address() {
        let url = Url::parse("http://gateway.example:81/behind/").unwrap();
        let api = AdminApi { url, token: "t".to_owned(), token_from: String::new(), pinned: None };
        let request = api.request(Method::GET, "/keys?limit=1", None).unwrap();
        assert_eq!(request.uri(), "/behind/admin/v1/keys?limit=1");
        assert_eq!(request.headers()[HOST], "gateway.example:81");
    }
}
