#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Loads the module that was built for the running kernel, or takes it out. Says what it does and,
# if it cannot, why.

set -euo pipefail
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
PATH=$PATH:/sbin:/usr/sbin

fail() {
	echo "wireguard: $1" >&2
	exit 1
}

[[ $(id -u) == 0 ]] || fail "only root may do this: sudo make $1"

loaded() {
	[[ -d /sys/module/wireguard ]]
}

# built RELEASE: the module that was built for it last, in the world that is asked for.
built() {
	local folders=("$REPO/out/$1" "$REPO/out/$1-rfl")
	case ${WORLD:-} in
	standalone) folders=("$REPO/out/$1") ;;
	rfl) folders=("$REPO/out/$1-rfl") ;;
	esac
	ls -t "${folders[@]/%//wireguard.ko}" 2>/dev/null | head -n 1 || true
}

# Ours says in which world it was built; the stock module has no such line.
load() {
	local ko dependency
	ko=$(built "$(uname -r)")
	[[ -n $ko ]] || fail "nothing is built for $(uname -r)${WORLD:+ in the world $WORLD}: make module"
	if loaded; then
		if [[ -d /sys/module/wireguard/holders || -f /sys/module/wireguard/refcnt ]]; then
			fail "a wireguard module is loaded already: make unload"
		fi
		fail "this kernel has WireGuard built in; a module cannot replace it"
	fi
	for dependency in $(modinfo -F depends "$ko" | tr ',' ' '); do
		echo "loading $dependency"
		modprobe "$dependency" || fail "$dependency does not load, and wireguard needs it"
	done
	echo "loading $ko ($(modinfo -F revision "$ko"), $(modinfo -F world "$ko"), $(modinfo -F rustc "$ko"))"
	insmod "$ko" || fail "the kernel refused it; the reason: $(dmesg | tail -n 1)"
	dmesg | grep -F wireguard | tail -n 1 || true
}

unload() {
	loaded || fail "no wireguard module is loaded"
	rmmod wireguard || fail "it is in use, or built in"
	echo "wireguard is unloaded"
}

case ${1:-} in
load) load ;;
unload) unload ;;
*) fail "say load or unload" ;;
esac
