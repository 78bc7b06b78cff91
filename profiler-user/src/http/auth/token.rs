//! The token that a client must show: where it is read from, what is accepted as one, and the comparison. It must not
//! know HTTP.
//!
//! Only the token's SHA-256 is kept. So it can be in no log and no core dump, and two digests of one length are compared
//! in constant time whatever length was sent.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Fewest bytes: what `head -c 12 /dev/urandom | base64` gives is not guessed over a network.
pub const LEAST_BYTES: usize = 16;
/// Most bytes: it has to fit into a header with all others.
pub const MOST_BYTES: usize = 4096;
/// The variable of the environment that has the token, if no file is given.
pub const VARIABLE: &str = "FIRETOWER_TOKEN";

/// Why a token is not used.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file can't be opened or read.
    #[error("can't read the token file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// It is a folder, a pipe or a device.
    #[error("the token file {} is no regular file", .0.display())]
    NotAFile(PathBuf),
    /// Others may read or change it.
    #[error(
        "the token file {} has mode {mode:03o}: others could {what} it. `chmod 600` makes it its owner's alone",
        path.display()
    )]
    Shared {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// `read` or `change`.
        what: &'static str,
    },
    /// Its owner is neither root nor who runs this.
    #[error(
        "the token file {} belongs to user {owner}, who could change it; it must be root's or your own",
        path.display()
    )]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// It has too few bytes.
    #[error(
        "the token in {0} has {1} bytes: at least {LEAST_BYTES} are needed; `openssl rand -hex 32` makes a good one"
    )]
    Short(String, usize),
    /// It has too many bytes.
    #[error("the token in {0} has more than {MOST_BYTES} bytes")]
    Long(String),
    /// It can't be sent as a bearer token.
    #[error(
        "the token in {0} has a space, a control character or one that is not ASCII: no client could send it"
    )]
    Characters(String),
    /// A file and the variable are given.
    #[error("there are two tokens: --token-file and {VARIABLE}; give one of them")]
    Two,
}

/// A token, as its digest.
#[derive(Clone)]
pub struct Token {
    digest: [u8; 32],
}

/// Never its digest: a weak token could be guessed from it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Token {
    /// The token of `file` or of the environment's `variable`; `None` where neither is given.
    ///
    /// # Errors
    /// If both are given, and as [`read`](Token::read) and [`parse`](Token::parse).
    pub fn find(
        file: Option<&Path>,
        variable: Option<&std::ffi::OsStr>,
    ) -> Result<Option<Token>, TokenError> {
        use std::os::unix::ffi::OsStrExt as _;
        match (file, variable) {
            (None, None) => Ok(None),
            (Some(_), Some(_)) => Err(TokenError::Two),
            (Some(file), None) => Token::read(file).map(Some),
            (None, Some(text)) => Token::parse(text.as_bytes(), VARIABLE).map(Some),
        }
    }

    /// Reads a file. Others than its owner and its group must not be able to read it, and nobody but its owner to change it.
    ///
    /// # Errors
    /// If it is not such a file, or as [`parse`](Token::parse).
    pub fn read(path: &Path) -> Result<Token, TokenError> {
        let unreadable = |error| TokenError::Unreadable { path: path.to_owned(), error };
        // Not blocking, so that a pipe in its place is refused rather than waited for. Links are followed: secrets that
        // a container is given are links. What is asked about is the file that was opened, not one that has its name.
        let options =
            OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC).open(path);
        let file = options.map_err(unreadable)?;
        let about = file.metadata().map_err(unreadable)?;
        if !about.is_file() {
            return Err(TokenError::NotAFile(path.to_owned()));
        }
        let mode = about.mode() & 0o777;
        let shared = |what| TokenError::Shared { path: path.to_owned(), mode, what };
        if mode & 0o004 != 0 {
            return Err(shared("read"));
        }
        if mode & 0o022 != 0 {
            return Err(shared("change"));
        }
        if about.uid() != 0 && about.uid() != nix::unistd::geteuid().as_raw() {
            return Err(TokenError::Foreign { path: path.to_owned(), owner: about.uid() });
        }
        let mut text = Vec::new();
        // Two more for a line's end, one more to see that it is too long.
        file.take(MOST_BYTES as u64 + 3).read_to_end(&mut text).map_err(unreadable)?;
        Token::parse(&text, &path.display().to_string())
    }

    /// Takes a token as it was written, without the line's end. `place` is where it comes from, for messages.
    ///
    /// # Errors
    /// If it is too short, too long, or could not be sent.
    pub fn parse(text: &[u8], place: &str) -> Result<Token, TokenError> {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        if text.len() < LEAST_BYTES {
            return Err(TokenError::Short(place.to_owned(), text.len()));
        }
        if text.len() > MOST_BYTES {
            return Err(TokenError::Long(place.to_owned()));
        }
        if !text.iter().all(u8::is_ascii_graphic) {
            return Err(TokenError::Characters(place.to_owned()));
        }
        Ok(Token { digest: Sha256::digest(text).into() })
    }

    /// Whether this is the token. Takes as long whether it is nearly right or not at all.
    pub(in crate::http) fn is(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.digest.ct_eq(&shown).into()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const GOOD: &str = "0123456789abcdef";

    fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        file
    }

    fn refused(result: Result<Token, TokenError>) -> String {
        result.unwrap_err().to_string()
    }

    #[test]
    fn a_line_end_is_no_part_of_it() {
        for text in [GOOD.to_owned(), format!("{GOOD}\n"), format!("{GOOD}\r\n")] {
            let token = Token::parse(text.as_bytes(), "x").unwrap();
            assert!(token.is(GOOD.as_bytes()));
            for wrong in ["", "0123456789abcde", "0123456789abcdeF", "0123456789abcdef\n"] {
                assert!(!token.is(wrong.as_bytes()), "{wrong:?}");
            }
        }
    }

    #[test]
    fn what_is_no_good_token_is_refused() {
        for (text, why) in [
            (String::new(), "has 0 bytes"),
            ("0123456789abcde\n".into(), "has 15 bytes"),
            (format!("{GOOD}\n\n"), "control character"),
            (format!("{GOOD} {GOOD}"), "a space"),
            (format!("{GOOD}é"), "not ASCII"),
            ("x".repeat(MOST_BYTES + 1), "more than 4096"),
        ] {
            let said = refused(Token::parse(text.as_bytes(), "FIRETOWER_TOKEN"));
            assert!(said.contains(why) && said.contains("FIRETOWER_TOKEN"), "{said}");
            assert!(text.len() < 2 || !said.contains(text.trim()), "the token is in the message: {said}");
        }
    }

    #[test]
    fn only_a_file_that_is_nobody_elses_is_read() {
        for mode in [0o400, 0o600, 0o440, 0o640] {
            assert!(Token::read(file(GOOD, mode).path()).unwrap().is(GOOD.as_bytes()), "{mode:o}");
        }
        for (mode, what) in [(0o644, "read"), (0o604, "read"), (0o620, "change"), (0o602, "change")] {
            let said = refused(Token::read(file(GOOD, mode).path()));
            assert!(said.contains(what) && said.contains(&format!("{mode:o}")), "{said}");
        }
        assert!(refused(Token::read(Path::new("/"))).contains("no regular file"));
        assert!(refused(Token::read(Path::new("/nowhere/token"))).contains("No such file"));
        let pipe = tempfile::tempdir().unwrap();
        let pipe = pipe.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(refused(Token::read(&pipe)).contains("no regular file"), "and it does not wait for a writer");
        let foreign = file(GOOD, 0o400);
        std::os::unix::fs::chown(foreign.path(), Some(65534), None).unwrap();
        assert!(refused(Token::read(foreign.path())).contains("belongs to user 65534"));
    }

    #[test]
    fn one_place_or_none() {
        let there = file(GOOD, 0o400);
        assert!(Token::find(None, None).unwrap().is_none());
        assert!(Token::find(Some(there.path()), None).unwrap().is_some());
        assert!(Token::find(None, Some(GOOD.as_ref())).unwrap().is_some());
        assert!(matches!(Token::find(Some(there.path()), Some(GOOD.as_ref())), Err(TokenError::Two)));
        assert!(matches!(Token::find(None, Some("".as_ref())), Err(TokenError::Short(..))), "set but empty");
    }
}
