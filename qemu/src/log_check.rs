// SPDX-License-Identifier: GPL-2.0

//! Judges a kernel log: what in it means that the kernel found something wrong.
//!
//! The rules are a table of texts, with a table of harmless lines that contain one of them.

/// Texts that must not be in a log.
const TROUBLE: &[&str] = &[
    "WARNING:",
    "------------[ cut here ]------------",
    "BUG:",
    "kernel BUG at",
    "Oops:",
    "Oops ",
    "Kernel panic",
    "general protection",
    "Unable to handle kernel",
    "unable to handle",
    "Call Trace:",
    "Call trace:",
    "invalid opcode",
    "double fault",
    "stack-protector",
    "Bad page state",
    "nobody cared",
    // lockdep
    "possible circular locking",
    "possible recursive locking",
    "possible irq lock inversion",
    "inconsistent lock state",
    "suspicious RCU usage",
    "bad unlock balance",
    "held lock freed",
    "lock held when returning",
    "sleeping function called from invalid context",
    "scheduling while atomic",
    // stalls
    "detected stall",
    "self-detected stall",
    "stall on CPU",
    "rcu_sched kthread",
    "rcu_preempt kthread",
    "soft lockup",
    "hard LOCKUP",
    "blocked for more than",
    "workqueue lockup",
    "NETDEV WATCHDOG",
    // what a module left behind
    "unregister_netdevice: waiting",
    "Objects remaining in",
    "still has objects",
    "still in use",
    "refcount_t:",
    "percpu ref",
    "list_add corruption",
    "list_del corruption",
    // sanitizers
    "KASAN:",
    "KCSAN:",
    "UBSAN:",
    "kmemleak:",
    "memory leak",
    "DEBUG_LOCKS_WARN_ON",
    "ODEBUG:",
    // loading modules
    "disagrees about version of symbol",
    "Unknown symbol",
    "Unknown rela relocation",
    "Skipping invalid relocation",
    "unsupported relocation",
    // Rust
    "rust_kernel: panicked",
    "panicked at",
];

/// Parts of lines that contain such a text and are no complaint.
const HARMLESS: &[&str] = &[
    // Kernels with kmemleak announce it.
    "kmemleak: Kernel memory leak detector initialized",
    "kmemleak: Automatic memory scanning thread started",
    "kmemleak: Memory pool",
    // The network driver of User-Mode Linux grumbles when the host is too busy to run it.
    "uml-vector",
];

/// A line that must not be there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Finding {
    /// Its number in the log, from 1.
    pub(crate) line: usize,
    /// The line.
    pub(crate) text: String,
}

/// All lines of `log` that must not be there.
pub(crate) fn check(log: &str) -> Vec<Finding> {
    let bad = |line: &str| {
        !HARMLESS.iter().any(|text| line.contains(text))
            && TROUBLE.iter().any(|text| line.contains(text))
    };
    log.lines()
        .enumerate()
        .filter(|(_, line)| bad(line))
        .map(|(index, line)| Finding {
            line: index + 1,
            text: line.trim_end().to_owned(),
        })
        .collect()
}

/// What a panic of User-Mode Linux's network driver leaves in the log: with more than one processor it
/// can count a frame as sent before it has counted it as queued.
const DRIVER: [&str; 2] = ["BUG: failure at lib/dynamic_queue_limits.c", "vector_send+"];

/// Whether the virtual machine's own network card is what the kernel died of.
pub(crate) fn card_failed(log: &str) -> bool {
    DRIVER.iter().all(|text| log.contains(text))
}

/// The longest report of a kernel, in lines.
const REPORT: usize = 150;

/// Whether a report of the kernel that has the text `what` in it goes on to name `who`.
pub(crate) fn blames(log: &str, what: &str, who: &str) -> bool {
    let lines: Vec<_> = log.lines().collect();
    lines.iter().enumerate().any(|(start, line)| {
        line.contains(what)
            && lines
                .iter()
                .skip(start)
                .take(REPORT)
                .any(|line| line.contains(who))
    })
}

/// Taint flags that a module of ours may set: out of tree, and unsigned.
const ALLOWED_TAINT: u64 = 1 << 12 | 1 << 13;

/// The taint flags that came up between `before` and `after` and are not allowed, as a message.
pub(crate) fn check_taint(before: u64, after: u64) -> Option<String> {
    let new = after & !before & !ALLOWED_TAINT;
    (new != 0).then(|| {
        let bits = (0..64).filter(|bit| new >> bit & 1 == 1);
        let names: Vec<_> = bits.map(taint_name).collect();
        format!("the kernel became tainted: {}", names.join(", "))
    })
}

fn taint_name(bit: u32) -> String {
    let name = match bit {
        0 => "proprietary module",
        1 => "module was force loaded",
        4 => "machine check",
        5 => "bad page",
        7 => "died: Oops or BUG",
        9 => "warning",
        14 => "soft lockup",
        15 => "live patched",
        _ => return format!("bit {bit}"),
    };
    format!("{name} (bit {bit})")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_card_is_nobody_elses() {
        let bug = "[    7.2] BUG: failure at lib/dynamic_queue_limits.c:99/dql_completed()!\n";
        let card = "[    7.2]  [<600644ed>] vector_send+0x1ad/0x2a0\n";
        assert!(card_failed(&[bug, card].concat()));
        for log in [bug, card, ""] {
            assert!(!card_failed(log), "{log}");
        }
    }

    #[test]
    fn a_clean_log_is_clean() {
        let log = "\
[    0.000000] Linux version 5.10.0-46-amd64 (debian-kernel@lists.debian.org)
[    0.000000] BUGs are checked; warnings too
[    0.321000] wireguard: WireGuard 1.0.0 loaded. See www.wireguard.com for information.
[    0.330000] wireguard: loading out-of-tree module taints kernel.
[    0.400000] kmemleak: Kernel memory leak detector initialized (mem pool available: 15680)
";
        assert_eq!(check(log), []);
    }

    #[test]
    fn each_kind_of_trouble_is_found() {
        let lines = [
            "[    1.0] WARNING: CPU: 0 PID: 71 at net/core/dev.c:5544 netif_rx+0x1/0x2",
            "[    1.0] ------------[ cut here ]------------",
            "[    1.0] BUG: kernel NULL pointer dereference, address: 0000000000000008",
            "[    1.0] kernel BUG at lib/list_debug.c:49!",
            "[    1.0] Oops: 0002 [#1] SMP NOPTI",
            "[    1.0] general protection fault, probably for non-canonical address: 0000 [#1]",
            "[    1.0] WARNING: possible circular locking dependency detected",
            "[    1.0] WARNING: inconsistent lock state",
            "[    1.0] WARNING: suspicious RCU usage",
            "[    1.0] rcu: INFO: rcu_sched detected stalls on CPUs/tasks:",
            "[    1.0] rcu: INFO: rcu_sched self-detected stall on CPU",
            "[    1.0] watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [kworker/1:1:31]",
            "[    1.0] INFO: task rmmod:88 blocked for more than 120 seconds.",
            "[    1.0] unregister_netdevice: waiting for wg0 to become free. Usage count = 3",
            "[    1.0] BUG: KASAN: use-after-free in wg_packet_receive",
            "[    1.0] kmemleak: 3 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            "[    1.0] UBSAN: array-index-out-of-bounds in net/x.c:1:2",
            "[    1.0] Kernel panic - not syncing: Fatal exception in interrupt",
            "[    1.0] BUG wg_peer (Tainted: G O): Objects remaining in wg_peer on shutdown",
            "[    1.0] wireguard: Unknown symbol rust_begin_unwind (err -2)",
            "[    1.0] rust_kernel: panicked at module/peer.rs:3:4:",
        ];
        for line in lines {
            let log = format!("[    0.5] fine\n{line}\n[    2.0] fine\n");
            let found = check(&log);
            assert_eq!(found.len(), 1, "{line}");
            assert_eq!(found[0].line, 2);
            assert_eq!(found[0].text, line);
        }
    }

    #[test]
    fn a_report_names_who_is_to_blame() {
        let report =
            "WARNING: suspicious RCU usage\n---\nCall Trace:\n [<60>] ? wg_rs_plant_rcu+0x1/0x2\n";
        let other = "WARNING: suspicious RCU usage\n---\nCall Trace:\n [<60>] ? another+0x1/0x2\n";
        let quiet = "fine\n".repeat(REPORT);
        let is = |log: &str| blames(log, "suspicious RCU usage", "wg_rs_plant_rcu");
        assert!(is(report));
        assert!(is(&format!("{other}{quiet}{report}")));
        assert!(!is(other));
        assert!(!is(&format!("{other}{quiet}wg_rs_plant_rcu\n")));
        assert!(!is("wg_rs_plant_rcu\n"));
    }

    #[test]
    fn taint() {
        assert_eq!(check_taint(0, 1 << 12 | 1 << 13), None);
        assert_eq!(check_taint(1 << 9, 1 << 9), None);
        let message = check_taint(0, 1 << 9 | 1 << 12).unwrap();
        assert!(message.contains("warning (bit 9)"), "{message}");
        assert!(!message.contains("12"), "{message}");
    }
}
