// SPDX-License-Identifier: GPL-2.0

//! A fault of the emulator: a processor goes on with an instruction that is not in memory any more.
//!
//! Linux changes its code while it runs (static keys, as the one that `SO_TIMESTAMP` of a ping switches):
//! it writes a breakpoint, has all processors synchronise, and writes the new instruction. A processor
//! that comes upon the breakpoint just then tries again. In QEMU 7.2 with several processors it can
//! keep the breakpoint in what it has translated and try again for ever: the kernel complains of a
//! processor that is stuck at one place, and prints the code there, which has no breakpoint in it.

/// The machine's breakpoint, as the kernel prints bytes.
const BREAKPOINT: &str = "cc";
/// How many lines below the complaint the kernel says where the processor is, at most.
const REPORT: usize = 12;

/// Instructions that a processor leaves at once, as a static key has one or the other: a jump, or nothing.
const PASSING: [&str; 4] = ["e9> ", "eb> ", "0f> 1f", "66> 90"];
/// So many complaints about one such instruction are enough, if nobody saw the breakpoint taken.
const ENOUGH: usize = 3;

/// Where a processor is stuck so, if that is what the kernel's log says at least twice.
pub(crate) fn find(log: &str) -> Option<&str> {
    let lines: Vec<_> = log.lines().collect();
    let complaints = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| line.contains("soft lockup - CPU#"));
    let places: Option<Vec<_>> = complaints
        .map(|(at, _)| place(lines.get(at..).unwrap_or_default()))
        .collect();
    let places = places?;
    let (first, code) = *places.first()?;
    let same = places.len() > 1 && places.iter().all(|(place, _)| *place == first);
    let trapped = log.contains("RIP: 0010:asm_exc_int3+");
    let passing = PASSING.iter().any(|bytes| code.starts_with(bytes));
    (same && (trapped || passing && places.len() >= ENOUGH)).then_some(first)
}

/// Where the processor is by this report, and the code there, if it is no breakpoint.
fn place<'a>(report: &[&'a str]) -> Option<(&'a str, &'a str)> {
    let mut lines = report.iter().take(REPORT);
    let place = lines.find_map(|line| line.split_once("RIP: 0010:"))?.1;
    let code = lines.next()?.split_once("Code: ")?.1;
    let (_, code) = code.split_once('<')?;
    (!code.starts_with(BREAKPOINT)).then_some((place.trim_end(), code))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRAP: &str = "\
[   10.000000] NMI backtrace for cpu 0
[   10.000001] RIP: 0010:asm_exc_int3+0x0/0x40
[   10.000002] Code: 1f 44 00 00 <0f> 01 ca fc
";

    fn lockup(place: &str, byte: &str) -> String {
        format!(
            "[   20.000000] watchdog: BUG: soft lockup - CPU#0 stuck for 48s! [ksoftirqd/0:14]\n\
             [   20.000001] Modules linked in: wireguard(OE)\n\
             [   20.000002] RIP: 0010:{place}\n\
             [   20.000003] Code: 89 c5 <{byte}> b6 01 00 00\n"
        )
    }

    #[test]
    fn a_breakpoint_that_is_not_there() {
        let report = lockup("receive+0x58/0x300", "e9");
        let log = [TRAP, &report, &report].concat();
        assert_eq!(find(&log), Some("receive+0x58/0x300"));
        assert_eq!(find(&report.repeat(ENOUGH)), Some("receive+0x58/0x300"));
    }

    #[test]
    fn other_lockups_are_the_kernels() {
        let report = lockup("receive+0x58/0x300", "e9");
        let elsewhere = lockup("receive+0x60/0x300", "e9");
        let breakpoint = lockup("receive+0x58/0x300", BREAKPOINT);
        for log in [
            String::new(),
            TRAP.to_owned(),
            [TRAP, &report].concat(),
            // No trap was seen, it is not at one place, or there is one in memory, too.
            [&report[..], &report].concat(),
            [TRAP, &report, &elsewhere].concat(),
            [TRAP, &report, &report, &elsewhere].concat(),
            [TRAP, &breakpoint, &breakpoint].concat(),
            // It may well come back to what is no jump.
            lockup("receive+0x58/0x300", "48").repeat(ENOUGH),
        ] {
            assert_eq!(find(&log), None, "{log}");
        }
    }
}
