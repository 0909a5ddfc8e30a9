// SPDX-License-Identifier: GPL-2.0

//! The kernels that tests run on, and where a prepared one keeps its parts.
//!
//! [`KERNELS`] is the one table: to add a kernel, add a line. A machine's *vehicle* is the short
//! name that people type (`--on uml-7.2`).

use crate::cache::Thing;
use crate::workplace::World;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// How a kernel is run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Runs {
    /// As a process of the host.
    Uml,
    /// In a QEMU machine.
    Qemu,
}

/// Where a kernel comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// A stock Debian kernel: the newest `linux-image-VERSION*-amd64` of these suites.
    Debian {
        /// Start of the version, as in package names: "5.10.0".
        version: &'static str,
        /// Suites to look in; the first is what the kernel belongs to.
        suites: &'static [&'static str],
    },
    /// Built here from Debian's `linux-source-VERSION`.
    Built {
        /// The version in the package's name: "7.2".
        version: &'static str,
        /// Suites to look in.
        suites: &'static [&'static str],
        /// Configuration fragments over the architecture's default.
        fragments: &'static [&'static str],
    },
    /// Built in the same way with Rust-for-Linux, over the smallest configuration there is.
    Rust {
        /// The version in the package's name: "7.2".
        version: &'static str,
        /// Suites to look in.
        suites: &'static [&'static str],
        /// Configuration fragments.
        fragments: &'static [&'static str],
    },
    /// Built in the same way as one with Rust, by clang, with what looks for faults.
    Debug {
        /// The version in the package's name: "7.2".
        version: &'static str,
        /// Suites to look in.
        suites: &'static [&'static str],
        /// Configuration fragments.
        fragments: &'static [&'static str],
    },
    /// Built in the same way, over the smallest configuration there is, and run with a clock that jumps to the next timer whenever there is
    /// nothing to do.
    TimeTravel {
        /// The version in the package's name: "7.2".
        version: &'static str,
        /// Suites to look in.
        suites: &'static [&'static str],
        /// Configuration fragments.
        fragments: &'static [&'static str],
    },
}

/// One kernel of the table.
pub(crate) struct Kernel {
    /// Its name as a thing to prepare.
    pub(crate) name: &'static str,
    /// Its name as a vehicle.
    pub(crate) vehicle: &'static str,
    /// How it is run.
    pub(crate) runs: Runs,
    /// Where it comes from.
    pub(crate) source: Source,
}

const UML_CONFIG: &str = include_str!("../config/uml.config");
const TIME_CONFIG: &str = include_str!("../config/uml-time.config");
const MACHINE_CONFIG: &str = include_str!("../config/uml-machine.config");
const X86_CONFIG: &str = include_str!("../config/x86.config");
const COMMON_CONFIG: &str = include_str!("../config/common.config");
const RUST_CONFIG: &str = include_str!("../config/rust.config");
const DEBUG_CONFIG: &str = include_str!("../config/debug.config");
const STACK_CONFIG: &str = include_str!("../config/uml-stack.config");
const UML_DEBUG_CONFIG: &str = include_str!("../config/uml-debug.config");
// The module is built into a folder that is named after the kernel's release: not that of UML's.
const X86_RUST_NAME: &str = "CONFIG_LOCALVERSION=\"-rust-x86\"\n";
const X86_DEBUG_NAME: &str = "CONFIG_LOCALVERSION=\"-debug-x86\"\n";

/// The kernel whose source tests take files from, unless the one they run on has the same source.
pub(crate) const SOURCE: &str = "uml-7.2";

/// All kernels.
pub(crate) static KERNELS: [Kernel; 11] = [
    Kernel {
        name: "uml-7.2",
        vehicle: "uml-7.2",
        runs: Runs::Uml,
        source: Source::Built {
            version: "7.2",
            suites: &["sid", "testing", "trixie-backports"],
            fragments: &[UML_CONFIG, STACK_CONFIG],
        },
    },
    Kernel {
        name: "uml-7.2-time",
        vehicle: "uml-7.2-time",
        runs: Runs::Uml,
        source: Source::TimeTravel {
            version: "7.2",
            suites: &["sid", "testing", "trixie-backports"],
            fragments: &[TIME_CONFIG],
        },
    },
    Kernel {
        name: "debian-5.10",
        vehicle: "qemu-5.10",
        runs: Runs::Qemu,
        source: Source::Debian {
            version: "5.10.0",
            suites: &["bullseye", "bullseye-security"],
        },
    },
    Kernel {
        name: "debian-6.1",
        vehicle: "qemu-6.1",
        runs: Runs::Qemu,
        source: Source::Debian {
            version: "6.1.0",
            suites: &["bookworm", "bookworm-security"],
        },
    },
    Kernel {
        name: "debian-6.12",
        vehicle: "qemu-6.12",
        runs: Runs::Qemu,
        source: Source::Debian {
            version: "6.12.",
            suites: &["trixie", "trixie-security"],
        },
    },
    Kernel {
        name: "debian-7.2",
        vehicle: "qemu-7.2",
        runs: Runs::Qemu,
        source: Source::Debian {
            version: "7.2.",
            suites: &["sid", "testing", "trixie-backports"],
        },
    },
    Kernel {
        name: "debian-7.3",
        vehicle: "qemu-7.3",
        runs: Runs::Qemu,
        source: Source::Debian {
            version: "7.3.",
            suites: &["trixie-backports", "trixie"],
        },
    },
    Kernel {
        name: "uml-7.2-rust",
        vehicle: "uml-7.2-rust",
        runs: Runs::Uml,
        source: Source::Rust {
            version: "7.2",
            suites: &["sid", "testing", "trixie-backports"],
            fragments: &[COMMON_CONFIG, MACHINE_CONFIG, STACK_CONFIG, RUST_CONFIG],
        },
    },
    Kernel {
        name: "uml-7.2-debug",
        vehicle: "uml-7.2-debug",
        runs: Runs::Uml,
        source: Source::Debug {
            version: "7.2",
            suites: &["sid", "testing", "trixie-backports"],
            fragments: &[
                COMMON_CONFIG,
                MACHINE_CONFIG,
                DEBUG_CONFIG,
                UML_DEBUG_CONFIG,
            ],
        },
    },
    Kernel {
        name: "qemu-7.2-rust",
        vehicle: "qemu-7.2-rust",
        runs: Runs::Qemu,
        source: Source::Rust {
            version: "7.2",
            suites: &["sid", "testing", "trixie-backports"],
            fragments: &[COMMON_CONFIG, X86_CONFIG, RUST_CONFIG, X86_RUST_NAME],
        },
    },
    Kernel {
        name: "qemu-7.2-debug",
        vehicle: "qemu-7.2-debug",
        runs: Runs::Qemu,
        source: Source::Debug {
            version: "7.2",
            suites: &["sid", "testing", "trixie-backports"],
            fragments: &[COMMON_CONFIG, X86_CONFIG, DEBUG_CONFIG, X86_DEBUG_NAME],
        },
    },
];

/// Looks a kernel up by either of its names.
pub(crate) fn find(name: &str) -> Result<&'static Kernel> {
    let known = || {
        KERNELS
            .iter()
            .map(|kernel| kernel.vehicle)
            .collect::<Vec<_>>()
            .join(", ")
    };
    KERNELS
        .iter()
        .find(|kernel| kernel.name == name || kernel.vehicle == name)
        .with_context(|| format!("no kernel {name}; there are {}", known()))
}

impl Kernel {
    /// The thing in the cache.
    pub(crate) fn thing(&self) -> Thing {
        Thing::new(self.name, &[self.recipe()])
    }

    fn recipe(&self) -> String {
        // Counts up when the code that makes a kernel changes what it makes.
        let edition = match self.runs {
            Runs::Uml => 1,
            Runs::Qemu => 2,
        };
        let stage = match self.runs {
            Runs::Uml => "",
            Runs::Qemu => crate::debian::STAGE,
        };
        // A kernel with Rust is of use to its own compiler alone.
        let compiler = match self.source {
            Source::Rust { .. } => crate::rust_kernel::compiler(),
            Source::Debug { .. } => {
                format!(
                    "{} {:?}",
                    crate::rust_kernel::compiler(),
                    crate::clang::mends(self.runs)
                )
            }
            _ => String::new(),
        };
        format!("{edition} {:?} {stage}{compiler}", self.source)
    }

    /// The version, if it is built here: its build folder is its source.
    fn built(&self) -> Option<&'static str> {
        match self.source {
            Source::Debian { .. } => None,
            Source::Built { version, .. }
            | Source::Rust { version, .. }
            | Source::Debug { version, .. }
            | Source::TimeTravel { version, .. } => Some(version),
        }
    }

    /// The source tree that tests on it take files from.
    pub(crate) fn test_source(&self) -> Result<PathBuf> {
        let usual = find(SOURCE)?;
        let same = self.built() == usual.built();
        Ok(if same { self } else { usual }.parts()?.kdir)
    }

    /// Makes the kernel, if needed, and gives its directory.
    pub(crate) fn prepare(&self, refresh: bool) -> Result<PathBuf> {
        match self.source {
            Source::Debian { version, suites } => {
                crate::debian::prepare(self, version, suites, refresh)
            }
            Source::Built {
                version,
                suites,
                fragments,
            } => crate::built::prepare(self, "defconfig", (version, suites, fragments), refresh),
            Source::Rust {
                version,
                suites,
                fragments,
            }
            | Source::Debug {
                version,
                suites,
                fragments,
            }
            | Source::TimeTravel {
                version,
                suites,
                fragments,
            } => crate::built::prepare(self, "allnoconfig", (version, suites, fragments), refresh),
        }
    }

    /// Whether its clock jumps over the time in which nothing happens.
    pub(crate) fn travels(&self) -> bool {
        matches!(self.source, Source::TimeTravel { .. })
    }

    /// The worlds that our module can be built in for it: the kernel's own needs metadata that no
    /// distribution's headers have.
    pub(crate) fn worlds(&self) -> &'static [World] {
        match self.source {
            Source::Rust { .. } | Source::Debug { .. } => &World::ALL,
            _ => &[World::Standalone],
        }
    }

    /// Whether it is one that looks for faults.
    pub(crate) fn debugs(&self) -> bool {
        matches!(self.source, Source::Debug { .. })
    }

    /// Whether it has the kernel's own Rust crates.
    pub(crate) fn has_rust(&self) -> bool {
        matches!(self.source, Source::Rust { .. } | Source::Debug { .. })
    }

    /// The parts of the prepared kernel.
    pub(crate) fn parts(&self) -> Result<Parts> {
        Parts::load(&self.thing().need()?)
    }
}

/// Parts of a prepared kernel; the paths are relative in the file and absolute once loaded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Parts {
    /// What `uname -r` says.
    pub(crate) release: String,
    /// What boots: a bzImage, or the executable of User-Mode Linux.
    pub(crate) image: PathBuf,
    /// `/lib/modules`: a squashfs image for QEMU, a directory for User-Mode Linux.
    pub(crate) modules: PathBuf,
    /// Initial RAM disk that mounts the root file system (QEMU).
    pub(crate) initrd: Option<PathBuf>,
    /// Build folder for `make -C`.
    pub(crate) kdir: PathBuf,
    /// The compiler that modules are to be built with, if the machine's own will not do.
    #[serde(default)]
    pub(crate) compiler: Option<PathBuf>,
    /// A folder of other programs that a build is to find first.
    #[serde(default)]
    pub(crate) path: Option<PathBuf>,
}

impl Parts {
    const FILE: &'static str = "kernel.toml";

    fn load(dir: &Path) -> Result<Self> {
        let path = dir.join(Self::FILE);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let mut parts: Self = toml::from_str(&text).with_context(|| path.display().to_string())?;
        parts.image = dir.join(&parts.image);
        parts.modules = dir.join(&parts.modules);
        parts.initrd = parts.initrd.map(|initrd| dir.join(initrd));
        parts.kdir = dir.join(&parts.kdir);
        parts.compiler = parts.compiler.map(|compiler| dir.join(compiler));
        parts.path = parts.path.map(|path| dir.join(path));
        Ok(parts)
    }

    /// Writes the description of a kernel that is being made in `dir`.
    pub(crate) fn store(&self, dir: &Path) -> Result<()> {
        Ok(fs::write(dir.join(Self::FILE), toml::to_string(self)?)?)
    }
}
