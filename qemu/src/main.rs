// SPDX-License-Identifier: GPL-2.0

//! `vm`: prepares kernels and a root file system, boots machines from them in QEMU or User-Mode
//! Linux, and runs tests in them.
//!
//! The same program is the agent inside the guests ([`agent`]) and the helper commands of their
//! scripts ([`helper`]).

mod agent;
mod apt;
mod build;
mod built;
mod cache;
mod clang;
mod debian;
mod fail_nth;
mod flood;
mod foreign;
mod frame;
mod fuzz_netlink;
mod fuzz_packets;
mod genl;
mod group;
mod helper;
mod kernel;
mod log_check;
mod machine;
mod matrix;
mod matrix_page;
mod noise;
mod payload;
mod plan;
mod prepare;
mod program;
mod progress;
mod qemu;
mod rogue;
mod rootfs;
mod rust_kernel;
mod rust_src;
mod scenario;
mod single;
mod source;
mod stale_code;
mod suite;
mod trial;
mod tsc;
mod uml;
mod workplace;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use payload::Module;
use plan::Show;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use workplace::World;

/// Prepares kernels and a root file system, boots machines from them, and runs tests in them.
#[derive(Parser)]
#[command(name = "vm")]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run one command in a fresh machine; the exit code is the command's
    Run {
        #[command(flatten)]
        machine: MachineOptions,
        /// Seconds the command may take
        #[arg(long, default_value_t = 600)]
        timeout: u64,
        /// The command
        #[arg(required = true, last = true)]
        command: Vec<String>,
    },
    /// Open a shell in a fresh machine
    Shell {
        #[command(flatten)]
        machine: MachineOptions,
    },
    /// Run tests: scenarios of tests/scenarios
    Test {
        #[command(flatten)]
        options: TestOptions,
        /// Tests at a time
        #[arg(short, long, default_value_t = 2)]
        jobs: usize,
        /// How often to run each
        #[arg(long, default_value_t = 1)]
        repeat: usize,
        /// Run a test whose script failed once more, alone; never one whose kernel complained
        #[arg(long)]
        second_attempt: bool,
        /// Print everything as it comes
        #[arg(long)]
        live: bool,
        /// NAME=VALUE for the scripts (may be repeated)
        #[arg(long)]
        env: Vec<String>,
        /// Seconds that scripts may take beyond what is theirs
        #[arg(long, default_value_t = 0)]
        longer: u64,
        /// Scenarios, or SCENARIO/CASE; without names, all
        names: Vec<String>,
    },
    /// Every kernel by every suite, and docs/compatibility.md written from the run
    Matrix {
        /// Kernel or vehicle (may be repeated); without any, all, and the configurations
        #[arg(long)]
        on: Vec<String>,
        /// World of our module; without it, all that the kernel can have
        #[arg(long, value_enum)]
        world: Option<World>,
        /// Tests at a time
        #[arg(short, long, default_value_t = 2)]
        jobs: usize,
        /// Take the modules that are built already
        #[arg(long)]
        built: bool,
        /// Seconds that scripts may take beyond what is theirs, on a busy machine
        #[arg(long, default_value_t = 0)]
        longer: u64,
        /// Write the page of what earlier runs have found, and run nothing
        #[arg(long)]
        page_only: bool,
        /// Scenarios, or SCENARIO/CASE, or `configurations`; without names, all
        names: Vec<String>,
    },
    /// Build our module for these kernels, with the compiler that each wants
    Build {
        /// World of the module; without it, the build chooses
        #[arg(long, value_enum)]
        world: Option<World>,
        /// Kernels or vehicles
        #[arg(required = true)]
        kernels: Vec<String>,
    },
    /// Print the folder of a Linux source as Debian packages it (6.12), fetching it if needed
    Source {
        /// The version
        version: String,
    },
    /// Two machines, ours and the kernel's own, and the story of a tunnel between them
    Demo {
        #[command(flatten)]
        options: TestOptions,
    },
    /// Make things that are not there yet: uml-7.2, debian-5.10, rootfs, rust-src, ...
    Prepare {
        /// Look for newer packages, also for things that are there
        #[arg(long)]
        refresh: bool,
        /// What to make; without names, all that the tests need
        things: Vec<String>,
    },
    /// Show what is prepared, and where
    List,
    /// Print the build folder of a kernel (for make -C)
    Kdir {
        /// Kernel or vehicle
        kernel: String,
    },
    /// Print the library sources of the Rust compiler in use, fetching them if needed
    RustSrc,
    /// Install the host packages that this tool needs
    Setup {
        /// Kernels that will be built here, some of which need more
        kernels: Vec<String>,
    },
    /// Be the agent inside a guest
    #[command(hide = true)]
    Guest,
}

#[derive(Args)]
struct MachineOptions {
    /// Vehicle: uml-7.2, qemu-5.10, ...
    #[arg(long, default_value = "uml-7.2")]
    on: String,
    /// WireGuard module to load: "ours", a file, "c" for the kernel's own, or "none"
    #[arg(long, default_value = "none")]
    module: String,
    /// World of our module; without it, that which was built last
    #[arg(long, value_enum)]
    world: Option<World>,
    /// A file to be found under /vm in the machine (may be repeated)
    #[arg(long = "file")]
    files: Vec<PathBuf>,
    /// Megabytes of memory
    #[arg(long, default_value_t = 768)]
    memory: u32,
    /// Number of CPUs
    #[arg(long, default_value_t = 2)]
    cpus: u32,
    /// More words for the kernel's command line
    #[arg(long, default_value = "", allow_hyphen_values = true)]
    parameters: String,
    /// Let the clock count instructions, a nanosecond each (emulated machines; one CPU)
    #[arg(long)]
    icount: bool,
    /// Print the whole kernel log, also if all went well
    #[arg(long)]
    log: bool,
}

#[derive(Args)]
struct TestOptions {
    /// Vehicle to run all tests on (may be repeated), or MACHINE=VEHICLE for one machine
    #[arg(long)]
    on: Vec<String>,
    /// Module of all machines, or MACHINE=MODULE: "ours", "c" or "none" (may be repeated)
    #[arg(long)]
    module: Vec<String>,
    /// World of our module; without it, that which was built last
    #[arg(long, value_enum)]
    world: Option<World>,
    /// File of our module, instead of what the build left in out/
    #[arg(long)]
    ko: Option<PathBuf>,
}

impl TestOptions {
    fn plan(mut self, names: Vec<String>, default: &str) -> plan::Plan {
        if self.on.iter().all(|setting| setting.contains('=')) {
            self.on.push(default.to_owned());
        }
        plan::Plan {
            names,
            on: self.on,
            modules: self.module,
            world: self.world,
            file: self.ko,
            jobs: 1,
            show: Show::Story,
            repeat: 1,
            second_attempt: false,
            env: Vec::new(),
            longer: Duration::ZERO,
            thorough: false,
        }
    }
}

impl MachineOptions {
    fn wish(self, command: Vec<String>, patience: Duration) -> Result<single::Wish> {
        let module = match self.module.as_str() {
            "none" => Module::None,
            "c" => Module::C,
            "ours" => Module::File(workplace::module(kernel::find(&self.on)?, self.world)?),
            path => Module::File(PathBuf::from(path)),
        };
        Ok(single::Wish {
            on: self.on,
            module,
            files: self.files,
            memory: self.memory,
            cpus: if self.icount { 1 } else { self.cpus },
            icount: self.icount,
            parameters: self.parameters,
            log: self.log,
            patience,
            command,
        })
    }
}

fn main() -> ExitCode {
    let mut words = std::env::args();
    let name = words.next().unwrap_or_default();
    let name = Path::new(&name)
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let outcome = if helper::NAMES.contains(&name.as_str()) {
        helper::main(&name, &words.collect::<Vec<_>>()).map(|()| ExitCode::SUCCESS)
    } else if name == flood::NAME {
        flood::main(&words.collect::<Vec<_>>()).map(|()| ExitCode::SUCCESS)
    } else if name == rogue::NAME {
        rogue::main(&words.collect::<Vec<_>>()).map(|()| ExitCode::SUCCESS)
    } else if name == fuzz_netlink::NAME {
        fuzz_netlink::main(&words.collect::<Vec<_>>()).map(|()| ExitCode::SUCCESS)
    } else if name == fail_nth::NAME {
        fail_nth::main(&words.collect::<Vec<_>>()).map(|()| ExitCode::SUCCESS)
    } else if name == fuzz_packets::NAME {
        fuzz_packets::main(&words.collect::<Vec<_>>()).map(|()| ExitCode::SUCCESS)
    } else {
        dispatch(Line::parse().command)
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("vm: {error:#}");
        ExitCode::from(125)
    })
}

fn dispatch(command: Command) -> Result<ExitCode> {
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    match command {
        Command::Run {
            machine,
            timeout,
            command,
        } => single::run(&machine.wish(command, Duration::from_secs(timeout))?),
        Command::Shell { machine } => single::run(&machine.wish(Vec::new(), DAY)?),
        Command::Test {
            options,
            jobs,
            repeat,
            second_attempt,
            live,
            env,
            longer,
            names,
        } => {
            let plan = options.plan(names, "uml-7.2");
            suite::run(&plan::Plan {
                jobs: jobs.max(1),
                show: if live { Show::All } else { Show::Verdicts },
                repeat,
                second_attempt,
                env,
                longer: Duration::from_secs(longer),
                ..plan
            })
        }
        Command::Matrix {
            on,
            world,
            jobs,
            built,
            longer,
            page_only,
            names,
        } => matrix::run(
            &matrix::Wish {
                on,
                world,
                names,
                jobs: jobs.max(1),
                built,
                longer: Duration::from_secs(longer),
            },
            page_only,
        ),
        Command::Build { world, kernels } => build::all(&kernels, world),
        Command::Source { version } => {
            println!("{}", source::prepare(&version)?.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Demo { options } => {
            suite::run(&options.plan(vec!["demo".to_owned()], "qemu-5.10"))
        }
        Command::Prepare { refresh, things } => prepare::prepare(&things, refresh),
        Command::List => prepare::list(),
        Command::Kdir { kernel } => {
            println!("{}", kernel::find(&kernel)?.parts()?.kdir.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::RustSrc => {
            println!("{}", rust_src::prepare(false)?.display());
            Ok(ExitCode::SUCCESS)
        }
        Command::Setup { kernels } => prepare::setup(&kernels),
        Command::Guest => agent::main().map(|()| ExitCode::SUCCESS),
    }
}
