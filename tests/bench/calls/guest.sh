# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose module counts the calls out of its Rust code: what a bundle costs in a tunnel
# between two name spaces, both ends together. A bundle is one section with vector registers
# (wg_fpu_begin): sealed at one end, opened at the other. Prints, for each kind of traffic, a line
# "NAME CALLS-A-BUNDLE CALLS-A-PACKET PACKETS BUNDLES", and then the functions, most calls first.
. /vm/pair.sh
pair

counts() { cat /sys/module/wireguard/parameters/calls; }
arrived() { ip netns exec n2 cat /sys/class/net/wg0/statistics/rx_packets; }

# measure NAME ARGUMENTS...
measure() {
	local name=$1 packets
	shift
	counts >/run/before
	packets=$(arrived)
	ip netns exec n1 iperf3 -c 10.7.0.2 "$@" >/run/iperf.log 2>&1 || { cat /run/iperf.log >&2; exit 1; }
	packets=$(($(arrived) - packets))
	counts >/run/after
	awk -v name="$name" -v packets="$packets" '
		NR == FNR { before[$1] = $2; next }
		{ count[$1] = $2 - before[$1]; all += count[$1] }
		END {
			bundles = count["wg_fpu_begin"]
			if (!bundles) { print "no bundle was counted" >"/dev/stderr"; exit 1 }
			printf "calls %s %.1f %.2f %d %d\n", name, all / bundles, all / packets, packets, bundles
			for (f in count) if (count[f] / bundles >= 0.01)
				printf "  %-6s %9.2f  %s\n", name, count[f] / bundles, f | "sort -k2,2nr"
		}' /run/before /run/after
}

measure tcp -n 64M
measure udp -u -l 64 -b 8M -t 3
