//! THE list of the interpreters that tests and measurements run: what each one is and how it is brought. The tests
//! include this very file. It must not know folders, nor how anything is downloaded or built.

/// An interpreter that is wanted on every machine that runs the tests.
#[derive(Debug)]
pub struct Interpreter {
    /// What it is called: `3.11`, `3.13t`, `3.11-dbg`. A plain version is the release build of it.
    pub name: &'static str,
    /// Its minor version: `3.11`.
    pub version: &'static str,
    /// What makes this build differ from others of its version.
    pub kind: Kind,
    /// The executable's name in its `bin`.
    pub program: &'static str,
    /// Where it comes from.
    pub origin: Origin,
    /// Why it can't be had on every machine, if so: where it is missing, this is told, and it is no error.
    pub unless: Option<&'static str>,
}

/// What makes a build differ from others of its version. x86-64, glibc and dynamic where nothing else is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// As most people have it: the plain release build.
    Release,
    /// Debian's: libpython inside the executable, stripped, link-time and profile-guided optimization.
    Debian,
    /// Without the global interpreter lock.
    FreeThreaded,
    /// `--with-pydebug`: reference counts are checked, structures of old versions have more fields.
    Debug,
    /// libpython inside the executable, no optimization across files, stripped.
    Static,
    /// The evaluation loop is a function for each instruction, each calling the next in tail position.
    TailCall,
    /// Linked with musl.
    Musl,
}

impl Kind {
    /// One word for tables.
    pub fn label(self) -> &'static str {
        match self {
            Kind::Release => "release",
            Kind::Debian => "Debian",
            Kind::FreeThreaded => "free-threaded",
            Kind::Debug => "debug",
            Kind::Static => "static",
            Kind::TailCall => "tail-call",
            Kind::Musl => "musl",
        }
    }
}

/// How an interpreter is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Built by pyenv, with a shared libpython: this release, or any other of the version that is there already.
    Pyenv {
        /// `3.11.7`
        release: &'static str,
    },
    /// These packages of a Debian suite, unpacked with all that they depend on.
    Packages {
        /// `trixie`
        suite: &'static str,
        /// The suite's packages.
        packages: &'static [&'static str],
    },
    /// Built from the upstream archive that a Debian suite has as the source of `pythonX.Y`.
    Source {
        /// `trixie`
        suite: &'static str,
        /// Arguments of `configure` besides those that all builds have.
        configure: &'static [&'static str],
    },
}

const fn pyenv(version: &'static str, program: &'static str, release: &'static str) -> Interpreter {
    Interpreter {
        name: version,
        version,
        kind: Kind::Release,
        program,
        origin: Origin::Pyenv { release },
        unless: None,
    }
}

/// Debian has no package of these.
const SOURCE: Option<&str> = Some(
    "Debian has no package of it, and not every mirror has the source of this suite's Python: CPython's own, put into \
     the cache's `sources`, is taken too",
);
const CLANG: Option<&str> = Some(
    "it takes clang 19, which Debian has from trixie on, and the source of 3.14, which not every mirror has: CPython's \
     own, put into the cache's `sources`, is taken too",
);

/// All of them; releases first, by version.
pub const INTERPRETERS: &[Interpreter] = &[
    pyenv("2.7", "python2.7", "2.7.18"),
    pyenv("3.6", "python3.6", "3.6.15"),
    pyenv("3.7", "python3.7", "3.7.16"),
    pyenv("3.8", "python3.8", "3.8.18"),
    pyenv("3.9", "python3.9", "3.9.18"),
    pyenv("3.10", "python3.10", "3.10.13"),
    pyenv("3.11", "python3.11", "3.11.7"),
    pyenv("3.12", "python3.12", "3.12.1"),
    pyenv("3.13", "python3.13", "3.13.0"),
    Interpreter {
        name: "3.14",
        version: "3.14",
        kind: Kind::Release,
        program: "python3.14",
        origin: Origin::Packages { suite: "forky", packages: &["python3.14"] },
        unless: None,
    },
    Interpreter {
        name: "3.15",
        version: "3.15",
        kind: Kind::Release,
        program: "python3.15",
        origin: Origin::Packages { suite: "forky", packages: &["python3.15"] },
        unless: None,
    },
    Interpreter {
        name: "3.9-debian",
        version: "3.9",
        kind: Kind::Debian,
        program: "python3.9",
        origin: Origin::Packages { suite: "bullseye", packages: &["python3.9"] },
        unless: None,
    },
    Interpreter {
        name: "3.11-debian",
        version: "3.11",
        kind: Kind::Debian,
        program: "python3.11",
        origin: Origin::Packages { suite: "bookworm", packages: &["python3.11"] },
        unless: None,
    },
    Interpreter {
        name: "3.13-debian",
        version: "3.13",
        kind: Kind::Debian,
        program: "python3.13",
        origin: Origin::Packages { suite: "trixie", packages: &["python3.13"] },
        unless: None,
    },
    Interpreter {
        name: "3.11-dbg",
        version: "3.11",
        kind: Kind::Debug,
        program: "python3.11d",
        origin: Origin::Packages { suite: "bookworm", packages: &["python3.11-dbg"] },
        unless: None,
    },
    Interpreter {
        name: "3.14-dbg",
        version: "3.14",
        kind: Kind::Debug,
        program: "python3.14d",
        origin: Origin::Packages { suite: "forky", packages: &["python3.14-dbg"] },
        unless: None,
    },
    Interpreter {
        name: "3.13t",
        version: "3.13",
        kind: Kind::FreeThreaded,
        program: "python3.13t",
        origin: Origin::Source { suite: "trixie", configure: &["--disable-gil"] },
        unless: None,
    },
    Interpreter {
        name: "3.11-static",
        version: "3.11",
        kind: Kind::Static,
        program: "python3.11",
        origin: Origin::Source { suite: "bookworm", configure: &["CFLAGS=-g0"] },
        unless: None,
    },
    Interpreter {
        name: "3.13-musl",
        version: "3.13",
        kind: Kind::Musl,
        program: "python3.13",
        origin: Origin::Source { suite: "trixie", configure: &["OPT=-DNDEBUG -fwrapv -O2", "CFLAGS=-g0"] },
        unless: None,
    },
    Interpreter {
        name: "3.14t",
        version: "3.14",
        kind: Kind::FreeThreaded,
        program: "python3.14t",
        origin: Origin::Source { suite: "forky", configure: &["--disable-gil"] },
        unless: SOURCE,
    },
    Interpreter {
        name: "3.15t",
        version: "3.15",
        kind: Kind::FreeThreaded,
        program: "python3.15t",
        origin: Origin::Source { suite: "forky", configure: &["--disable-gil"] },
        unless: SOURCE,
    },
    Interpreter {
        name: "3.14-tailcall",
        version: "3.14",
        kind: Kind::TailCall,
        program: "python3.14",
        origin: Origin::Source { suite: "forky", configure: &["--with-tail-call-interp", "CC=clang-19"] },
        unless: CLANG,
    },
];
