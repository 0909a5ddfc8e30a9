# SPDX-License-Identifier: GPL-2.0
# How much of the kernel's memory a peer takes that is configured, with an endpoint and an allowed
# IP, and does nothing: bytes of slabs, of per-CPU memory and of vmalloc. "NAME BYTES", for one peer.
. /vm/pair.sh
COUNT=${1:-10000}

# Bytes of each kind now, when what is only cached has been let go.
memory() {
	local i
	for i in 1 2 3; do
		sync
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.5
	done
	awk '$1 == "Slab:" || $1 == "Percpu:" || $1 == "VmallocUsed:" {
		print tolower(substr($1, 1, length($1) - 1)), $2 * 1024 }' /proc/meminfo
}

# Which slabs there are and how many bytes their objects have, for a closer look.
slabs() { awk 'NR > 2 { print $1, $2 * $4 }' /proc/slabinfo | sort; }

ip link add wg0 type wireguard
ip link set wg0 up
# The first peers have other things made as well, which stay.
some_peers 100
wg setconf wg0 /run/full
some_peers "$COUNT"
wg setconf wg0 /run/empty
sleep 1
memory >/run/before
slabs >/run/slabs.before
wg setconf wg0 /run/full
[ "$(wg show wg0 peers | wc -l)" = "$COUNT" ]
memory >/run/after
slabs >/run/slabs.after
join /run/before /run/after | awk -v count="$COUNT" '
	{ bytes = int(($3 - $2) / count); print $1, bytes; all += bytes }
	END { print "all", all }'
join /run/slabs.before /run/slabs.after | awk -v count="$COUNT" '
	($3 - $2) / count >= 8 { print "of", $1, int(($3 - $2) / count) }' >&2
# Not left to whoever ends the machine: the C module takes its time over so many.
ip link del wg0
