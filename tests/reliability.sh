#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What is looked for in the debug kernel, and the pages of docs/reliability/ that say what came of it.
#
#   tests/reliability.sh debug [SCENARIO...]   the scenarios, both of its fuzzers briefly, a short storm
#   tests/reliability.sh plants                each detector sees a fault in our code
#   tests/reliability.sh faults                allocations that fail, bad weather, clocks
#   tests/reliability.sh storm MINUTES
#   tests/reliability.sh fuzz COUNT            so many netlink requests and so many packets
#
# The kernel is uml-7.2-debug, or what KERNEL says: qemu-7.2-debug, on which less is run. A page is written
# only of a run of all its parts, passed or not.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
KERNEL=${KERNEL:-uml-7.2-debug}
WORLD=${WORLD:-standalone}
PAGES=docs/reliability
suffix='' setting='' machine="User-Mode Linux"
processors="which has one processor: everything is interleaved, nothing is at once"
[[ $WORLD == standalone ]] || suffix=-$WORLD setting=" WORLD=$WORLD"
mkdir -p $PAGES target/reliability
# (VM: the tool as it is built already)
vm() { ${VM:-cargo run --quiet --release --package wg-vm --bin vm --} "$@"; }

# Which scenarios make sense: all that need no stock kernel, no distribution's services and no clock of
# their own, and that measure nothing.
SCENARIOS=(accounts capture container harness inner load many namespaces netns/7.2 quick-start rekey restart
	sendfile silence stall tunnel unload userspace wg-quick wg-tool weather/clock)
module_suffix=$suffix
# An emulated machine takes thirty times as long; it is there for what only several processors and x86-64's
# own code show: the vector code, interrupts in the middle of it, processors that go and come. (`load` is not
# among them: a machine that takes milliseconds for a message has its queue full at all times in that flood.)
if [[ $KERNEL == qemu-* ]]; then
	SCENARIOS=(backends capture/initiator harness/clean inner/ours namespaces/initiator restart/responder
		stall/responder tunnel unload/responder)
	suffix+=-qemu setting+=" DEBUG_KERNEL=$KERNEL" machine="QEMU (x86-64)"
	processors="emulated, with four processors that come and go, and as much traffic as it can take"
fi

# run NAME ARGUMENTS...: the tests, and what they print; remembered under that name.
run() {
	local name=$1 status=0
	shift
	vm test --on $KERNEL --world "$WORLD" --jobs "${JOBS:-2}" "$@" 2>&1 | tee "target/reliability/$name" || status=$?
	return $status
}

# verdicts NAME: what was run and what became of it, as a table.
verdicts() {
	echo "| test | result | seconds |"
	echo "|---|---|---:|"
	sed -nE "s/^(ok  |FAIL) (.*) on $KERNEL,? ?[a-z]* \(([0-9.]+) s.*/| \2 | \1 | \3 |/p" "target/reliability/$1" | sed 's/| ok   |/| passed |/; s/| FAIL |/| FAILED |/' | sort
	sed -nE "s/^skip (.*) on $KERNEL: (.*)/| \1 | not run: \2 | |/p" "target/reliability/$1"
}

# page NAME: the file of a page; each world has its own.
page() { echo "$PAGES/$1$suffix.md"; }

# The kernel's release.
release() {
	local kdir
	kdir=$(vm kdir $KERNEL)
	cat "$kdir/include/config/kernel.release"
}

about() {
	local revision
	revision=$(git rev-parse --short HEAD 2>/dev/null || cat revision)
	# (the pages themselves are being written)
	git diff --quiet HEAD -- . ":(exclude)$PAGES" 2>/dev/null || revision+=", changed"
	echo "Run on $(date -u +%F) on $machine $(release), $(nproc) host processors, the $WORLD world, revision $revision."
}

results() { cat "target/vm/${1//[\/ ,]/-}-on-$KERNEL--$WORLD/a/results/$2" 2>/dev/null || true; }

status=0
case ${1:-} in
debug)
	shift
	names=("$@")
	((${#names[@]})) || names=("${SCENARIOS[@]}")
	run debug "${names[@]}" || status=$?
	run debug-fuzz --env COUNT="${COUNT:-20000}" fuzz || status=$?
	run debug-storm storm || status=$?
	cat target/reliability/debug-{fuzz,storm} >>target/reliability/debug
	(($# == 0)) || exit $status
	{
		echo "# The debug kernel, the $WORLD world"
		echo
		echo "Made by \`make test-debug$setting\`. A kernel 7.2 built with clang, with the address sanitizer (KASAN, generic, inline, vmalloc), kmemleak, lockdep"
		echo "(PROVE_LOCKING, PROVE_RCU), DEBUG_ATOMIC_SLEEP, DEBUG_OBJECTS (timers, work, RCU heads, percpu counters, freed objects), reference trackers of"
		echo "devices and namespaces. All Rust of the module is instrumented as the kernel's C is: core, the driver, the protocol, the vector code."
		echo
		echo "Each test passes only if its kernel log has no line of any detector, no taint came up, the module could be removed, and kmemleak finds nothing"
		echo "afterwards. That each detector sees our code: [detectors.md](detectors.md). What it does not do: the sanitizer's checks of the stack (with clang"
		echo "they need frames that no kernel's stack can hold)."
		echo
		about
		echo
		verdicts debug
	} >"$(page debug-kernel)"
	;;
plants)
	run plants --ko "out/$(release)$module_suffix-plant/wireguard.ko" plant || status=$?
	{
		echo "# Each detector sees our code"
		echo
		echo "Made by \`make test-plants$setting\`. A module that is built with \`PLANT=1\` commits one fault when it is loaded (\`module/kapi/plant.rs\`), and the test passes"
		echo "only if that detector's report is in the kernel log and names the function that commits it. Without a fault the same module gives none. Only a kernel"
		echo "with the address sanitizer gets such a build; check.sh refuses any other module that has a trace of one, and check-test.sh shows that it does."
		echo
		about
		echo
		echo "| fault | first line of the report |"
		echo "|---|---|"
		for dir in target/vm/plant-*-on-$KERNEL--*; do
			name=${dir#target/vm/plant-}
			name=${name%%-on-*}
			line=$(grep -oE '(BUG: KASAN: .* in [a-zA-Z0-9_]*|kmemleak: of the planted: .*|BUG: sleeping function.*|WARNING: (possible circular|suspicious RCU).*|ODEBUG: .*|wg_rs_plant_[a-z_]*)' "$dir/a/kernel.log" |
				awk '!/^wg_rs/ { line = $0 } /wg_rs_plant/ { print line; exit }' || true)
			line=${line:-none}
			echo "| $name | \`$line\` |"
		done
		echo
		verdicts plants
	} >"$(page detectors)"
	;;
faults)
	run faults faults weather || status=$?
	{
		echo "# Faults"
		echo
		echo "Made by \`make test-faults$setting\` on the debug kernel, so each error path runs under all of its detectors."
		echo
		about
		echo
		echo "## Allocations that fail, one after the other"
		echo
		echo "Each operation is done with its first allocation failing, then with its second, and so on, until one comes to its end without a fault (\`fail-nth\`,"
		echo "in the tool that boots the machines). It must end well or with ENOMEM or ENOBUFS (or what the kernel's core says then: EINVAL of a device that finds no"
		echo "memory for its name, ENFILE of a socket), and the same operation must work afterwards."
		echo
		results faults/configuration table
		echo
		echo "## Allocations that fail at random, under traffic"
		echo
		echo "Only those with an address of the module in their caller's stack. Pings and TCP through a tunnel, a new handshake every second or so. Afterwards"
		echo "the tunnel finds back by itself."
		echo
		results faults/traffic table
		echo
		echo "## Bad weather"
		echo
		echo "netem on both ends of a cable below the tunnel."
		echo
		results weather/netem table
		echo
		echo "## All tests of this page"
		echo
		verdicts faults
	} >"$(page faults)"
	;;
storm)
	minutes=${2:-30}
	run storm --env STORM=$((minutes * 60)) --longer $((minutes * 60 * 3)) storm || status=$?
	rm -f $PAGES/storm$suffix.svg
	output="target/vm/storm-on-$KERNEL--$WORLD/a/output.log"
	sed -nE 's/^round ([0-9]+): .* ([0-9]+) KiB of kernel memory$/\1 \2/p' "$output" | awk '{ print $1, $2 / 1024 }' |
		tests/bench/line.sh "Kernel memory after each removal of the module" "removal" "MiB" >target/reliability/storm.svg && mv target/reliability/storm.svg $PAGES/storm$suffix.svg
	{
		echo "# A storm of $minutes minutes"
		echo
		echo "Made by \`make storm MINUTES=$minutes$setting\`: traffic while peers, keys, prefixes, ports, marks, interfaces and namespaces change as fast as they can, in rounds,"
		echo "each of which ends with the removal of the module under full traffic. On the debug kernel, $processors."
		echo "Kernel memory: slab, percpu and vmalloc, after each removal."
		echo
		about
		echo
		verdicts storm
		echo
		[ ! -e $PAGES/storm$suffix.svg ] || { echo "![kernel memory after each removal](storm$suffix.svg)" && echo; }
		echo '```text'
		grep -m 4 -v '^PING' "$output"
		echo ...
		tail -n 4 "$output"
		echo '```'
	} >"$(page storm)"
	;;
fuzz)
	count=${2:-1000000}
	run fuzz --env COUNT="$count" --longer $((count / 40)) fuzz || status=$?
	{
		echo "# Fuzzing a loaded module"
		echo
		echo "Made by \`make fuzz-vm COUNT=$count$setting\` on the debug kernel: \`fuzz-netlink\` and \`fuzz-packets\`, both in the tool that boots the machines. A tunnel beside"
		echo "them works before and after."
		echo
		about
		echo
		verdicts fuzz
		for part in netlink packets; do
			echo
			echo "## $part"
			echo
			echo '```text'
			grep -vE '^(PING|---|rtt|$)|packets transmitted' "target/vm/fuzz-$part-on-$KERNEL--$WORLD/a/output.log" || true
			echo '```'
		done
	} >"$(page fuzz-vm)"
	;;
*)
	sed -n '5,9s/^# *//p' "$0" >&2
	exit 2
	;;
esac
exit $status
