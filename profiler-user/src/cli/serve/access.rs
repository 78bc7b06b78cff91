//! Who may ask `firetower serve`, and where: its flags, and the sockets that they mean. It must not know what is served.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::cli::exit::{Exit, Failure};
use crate::http::{self, Access, Limits, Token};

/// Files that may be open, if the hard limit lets them.
const OPEN_FILES: u64 = 16 << 10;

/// Flags about access.
#[derive(Debug, clap::Args)]
pub struct AccessArgs {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:7070")]
    pub listen: SocketAddr,
    /// File with the token that clients must show, at least 16 bytes; or set FIRETOWER_TOKEN
    #[arg(long, value_name = "PATH")]
    token_file: Option<PathBuf>,
    /// Allow an address that other machines can reach without a token: whoever reaches it sees every process's code paths
    #[arg(long)]
    allow_remote: bool,
    /// A name in the browser's address that is answered besides the address itself; may be repeated
    #[arg(long, value_name = "NAME", value_parser = host_name)]
    allowed_host: Vec<String>,
    /// Another address for /metrics, /healthz and /readyz alone, where no token is asked for
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub metrics_listen: Option<SocketAddr>,
}

/// Sockets that are bound, and who may ask on them.
pub struct Opened {
    pub main: TcpListener,
    pub metrics: Option<TcpListener>,
    pub access: Access,
}

impl AccessArgs {
    /// What the flags and the environment allow, before anything is opened.
    ///
    /// # Errors
    /// If an address may not be listened on, or the token is none.
    pub fn check(&self) -> Result<Access, Failure> {
        let variable = std::env::var_os(http::VARIABLE);
        let token = Token::find(self.token_file.as_deref(), variable.as_deref())
            .map_err(|error| Failure::new(Exit::TokenRefused, error.to_string()))?;
        let refused = |error: http::ListenError| Failure::new(Exit::RemoteRefused, error.to_string());
        http::check_listen(self.listen, token.is_some(), self.allow_remote).map_err(refused)?;
        if let Some(metrics) = self.metrics_listen {
            http::check_metrics_listen(metrics, self.allow_remote).map_err(refused)?;
        }
        let mut hosts = self.allowed_host.clone();
        hosts.extend(own_name());
        Ok(Access { token, hosts, limits: Limits::default() })
    }

    /// Binds the addresses.
    ///
    /// # Errors
    /// If one can't be bound.
    pub fn open(&self, access: Access) -> Result<Opened, Failure> {
        raise_open_files();
        let main = bind(self.listen, "--listen")?;
        let metrics = self.metrics_listen.map(|address| bind(address, "--metrics-listen")).transpose()?;
        Ok(Opened { main, metrics, access })
    }
}

/// Every connection is an open file, and every CPU's perf event is one: the usual limit of 1024 is little for both.
fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE).and_then(|(soft, hard)| {
        let wanted = OPEN_FILES.min(hard);
        if soft < wanted { setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) } else { Ok(()) }
    });
    if let Err(error) = raised {
        tracing::warn!(%error, "can't raise the limit of open files");
    }
}

fn host_name(text: &str) -> Result<String, String> {
    http::host_name(text)
        .ok_or_else(|| "a name or address without scheme and port, as tower.example".to_owned())
}

/// The machine's name, which nobody else can make point here; none if it has none that could be in an address.
fn own_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    http::host_name(name.trim())
}

fn bind(address: SocketAddr, flag: &str) -> Result<TcpListener, Failure> {
    let bound = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    bound.map_err(|error| {
        let failure = |exit| Failure::new(exit, format!("can't listen on {address}: {error}"));
        match error.kind() {
            ErrorKind::AddrInUse => {
                failure(Exit::AddressInUse).hint(format!("choose another: {flag} 127.0.0.1:7071"))
            }
            ErrorKind::PermissionDenied => {
                failure(Exit::Privilege).hint("ports below 1024 need CAP_NET_BIND_SERVICE")
            }
            ErrorKind::AddrNotAvailable => {
                failure(Exit::Usage).hint("it is no address of this machine: see `ip address`")
            }
            _ => failure(Exit::Internal),
        }
    })
}
