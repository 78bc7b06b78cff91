//! A running `firetower serve`, and what it says of itself. It must not know what it is started for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::Bench;
use super::process::{PATIENCE, Process};

/// A service that is ready.
pub struct Service {
    /// Its process.
    pub process: Process,
    /// `ADDRESS:PORT`.
    pub address: String,
}

impl Service {
    /// Starts one with an empty store, and waits until it is ready.
    pub fn start(bench: &Bench, frequency: u32) -> Result<Service> {
        let store = bench.folder.join("firetower-store");
        if store.exists() {
            std::fs::remove_dir_all(&store).with_context(|| format!("can't remove {}", store.display()))?;
        }
        let mut command = Command::new(bench.binary("firetower"));
        command.args(["serve", "--listen", "127.0.0.1:0", "--frequency", &frequency.to_string()]);
        command.arg("--store").arg(store);
        let mut process = Process::start(command, &bench.folder, "firetower-serve")?;
        let address = process.wait_for(PATIENCE, |line| {
            let (_, address) = line.split_once("serving on http://")?;
            Some(address.split_once('/')?.0.to_owned())
        })?;
        wait_until_ready(&address)?;
        Ok(Service { process, address })
    }
}

/// Waits until `/readyz` says yes.
fn wait_until_ready(address: &str) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    while get(address, "/readyz").is_err() {
        ensure!(Instant::now() < deadline, "firetower serve does not get ready");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A metric's value in Prometheus' text format, summed over its labels.
pub fn sum(text: &str, name: &str) -> Result<f64> {
    let value = |line: &str| {
        let rest = line.strip_prefix(name).filter(|rest| rest.starts_with([' ', '{']))?;
        rest.rsplit_once(' ')?.1.parse::<f64>().ok()
    };
    let values: Vec<f64> = text.lines().filter_map(value).collect();
    ensure!(!values.is_empty(), "/metrics has no {name}");
    Ok(values.iter().sum())
}

/// The body of what `http://address/path` answers.
pub fn get(address: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address).with_context(|| format!("can't connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).with_context(|| format!("can't read {path}"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        _ => bail!("{path} answers {}", answer.lines().next().unwrap_or("nothing")),
    }
}
