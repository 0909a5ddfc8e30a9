// SPDX-License-Identifier: GPL-2.0

//! The clang that kernels with the address sanitizer are built by: Rust is instrumented in such a
//! kernel only.

use crate::kernel::Runs;
use anyhow::{bail, Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// The oldest by which a kernel with Rust under the sanitizer has been built.
const OLDEST: u32 = 17;
/// The packages that bring it, on Debian 12 and 13.
pub(crate) const PACKAGES: [&str; 3] = ["clang-19", "lld-19", "llvm-19"];

/// Major version of the newest clang whose linker and tools are installed beside it, under names with
/// the version ("clang-19", "ld.lld-19").
pub(crate) fn newest() -> Result<u32> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    find(&dirs).with_context(|| {
        format!(
            "a kernel with the address sanitizer is built by clang {OLDEST} or later: apt-get install -y --no-install-recommends {}",
            PACKAGES.join(" ")
        )
    })
}

const VECTOR: &str = "arch/um/drivers/vector_kern.c";

/// A file, a text in it, and what takes its place.
pub(crate) type Mend = (&'static str, &'static str, &'static str);

/// What Linux lacks for clang and the address sanitizer.
///
/// - Code that runs in the processes of User-Mode Linux's users knows no shadow memory (the stub, with
///   `seccomp=on`).
/// - clang puts each variable of the large code model into `.lbss`, which lay beyond what the linker's
///   script calls the kernel's own: lockdep took no lock's key for one, and kmemleak did not look there.
const MENDS: [Mend; 3] = [
    (
        "arch/um/kernel/skas/Makefile",
        "UNPROFILE_OBJS := stub.o stub_exe.o\n",
        "UNPROFILE_OBJS := stub.o stub_exe.o\nKASAN_SANITIZE_stub.o := n\nKASAN_SANITIZE_stub_exe.o := n\n",
    ),
    (
        "arch/x86/um/Makefile",
        "UNPROFILE_OBJS := stub_segv.o\n",
        "UNPROFILE_OBJS := stub_segv.o\nKASAN_SANITIZE_stub_segv.o := n\n",
    ),
    (
        "arch/um/kernel/dyn.lds.S",
        "*(.bss .bss.* .gnu.linkonce.b.*)",
        "*(.bss .bss.* .lbss .lbss.* .gnu.linkonce.b.*)",
    ),
];

/// What else User-Mode Linux lacks for it, and what it takes too long for.
///
/// - A stack trace, of which each allocation of such a kernel takes several, asked of every word of the stack
///   whether it is an address of code: nineteen parts in twenty of the processor's time. Between two frames
///   there is nothing but data.
/// - With one CPU there are no other's interrupts to block: two calls of the host each time that interrupts
///   are switched off and on.
/// - The network card's driver takes locks with softirqs on that its softirq takes as well, and a mutex in a
///   softirq when the other end is gone, around one call of the host. lockdep says so once and then nothing
///   more, of anybody.
/// - When areas of virtual memory are given back, the translations of all between the first and the last of
///   them are dropped at the end. User-Mode Linux has none, and fills the shadow memory of that whole range
///   instead, most of which nobody has used: with areas at both ends of the address space (the upper one has
///   per-CPU memory) it is more than any host has, and what was not to be touched in between may be again.
const UML_MENDS: [Mend; 8] = [
    (
        "mm/kasan/shadow.c",
        "\t\t\t__memset(shadow_start, KASAN_SHADOW_INIT, shadow_end - shadow_start);\n\t\t\treturn;\n",
        "\t\t\tif (flags & KASAN_VMALLOC_PAGE_RANGE)\n\t\t\t\t__memset(shadow_start, KASAN_SHADOW_INIT, shadow_end - shadow_start);\n\t\t\treturn;\n",
    ),
    (
        "arch/um/kernel/stacktrace.c",
        "\t\taddr = READ_ONCE_NOCHECK(*sp);\n",
        "\t\tif (bp >= (unsigned long)sp && !(((bp + sizeof(long)) ^ (unsigned long)sp) & ~(THREAD_SIZE - 1)))\n\
         \t\t\tsp = (unsigned long *)(bp + sizeof(long));\n\
         \t\taddr = READ_ONCE_NOCHECK(*sp);\n",
    ),
    (
        "arch/um/os-Linux/smp.c",
        "static void __local_ipi_set(int enable)\n{\n\tsigset_t sigset;\n\n",
        "static void __local_ipi_set(int enable)\n{\n\tsigset_t sigset;\n\n\tif (uml_ncpus == 1)\n\t\treturn;\n\n",
    ),
    (
        VECTOR,
        "\t/* We reuse the existing queue locks for stats */\n",
        "\tlocal_bh_disable();\n",
    ),
    (
        VECTOR,
        "\tvp->estats.tx_queue_running_average = 0;\n\tspin_unlock(&vp->tx_queue->head_lock);\n",
        "\tvp->estats.tx_queue_running_average = 0;\n\tspin_unlock(&vp->tx_queue->head_lock);\n\tlocal_bh_enable();\n",
    ),
    (
        VECTOR,
        "\tspin_lock(&vp->tx_queue->head_lock);\n\tspin_lock(&vp->rx_queue->head_lock);\n",
        "\tspin_lock_bh(&vp->tx_queue->head_lock);\n\tspin_lock(&vp->rx_queue->head_lock);\n",
    ),
    (
        VECTOR,
        "\tspin_unlock(&vp->rx_queue->head_lock);\n\tspin_unlock(&vp->tx_queue->head_lock);\n",
        "\tspin_unlock(&vp->rx_queue->head_lock);\n\tspin_unlock_bh(&vp->tx_queue->head_lock);\n",
    ),
    (
        "arch/um/os-Linux/sigio.c",
        "\tsigio_lock();\n\terr = __ignore_sigio_fd(fd);\n\tsigio_unlock();\n",
        "\terr = __ignore_sigio_fd(fd);\n",
    ),
];

/// All changes for a kernel that is run so.
pub(crate) fn mends(runs: Runs) -> Vec<Mend> {
    let mut mends = MENDS.to_vec();
    if runs == Runs::Uml {
        mends.extend(UML_MENDS);
    }
    mends
}

/// Makes them in a source tree.
pub(crate) fn mend(tree: &Path, runs: Runs) -> Result<()> {
    for (name, old, new) in mends(runs) {
        let path = tree.join(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        if !text.contains(old) {
            bail!("{name} is not what it was: no {old:?} in it (clang.rs)");
        }
        fs::write(&path, text.replacen(old, new, 1))?;
    }
    Ok(())
}

fn find(dirs: &[PathBuf]) -> Option<u32> {
    let has = |name: String| dirs.iter().any(|dir| Path::new(dir).join(&name).exists());
    let whole = |version: &u32| {
        ["clang", "ld.lld", "llvm-nm", "llvm-objcopy"]
            .iter()
            .all(|tool| has(format!("{tool}-{version}")))
    };
    (OLDEST..OLDEST + 20).rev().find(whole)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_one() {
        let dir = std::env::temp_dir().join(format!("wg-vm-clang-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let dirs = [dir.clone()];
        assert_eq!(find(&dirs), None);
        for name in [
            "clang-18",
            "ld.lld-18",
            "llvm-nm-18",
            "llvm-objcopy-18",
            "clang-19",
        ] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        assert_eq!(find(&dirs), Some(18));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
