# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose module counts the calls out of its Rust code: what a bundle costs in a tunnel
# between two name spaces, both ends together. A bundle is one section with vector registers
# (wg_fpu_begin): sealed at one end, opened at the other. Prints, for each kind of traffic, a line
# "NAME CALLS-A-BUNDLE CALLS-A-PACKET PACKETS BUNDLES", and then the functions, most calls first.
set -euo pipefail
umask 077

for n in 1 2; do
	ip netns add n$n
	ip -n n$n link set lo up
done
ip link add v1 netns n1 type veth peer name v2 netns n2
for n in 1 2; do
	ip -n n$n address add 192.168.7.$n/24 dev v$n
	ip -n n$n link set v$n up
	ip -n n$n link add wg0 type wireguard
	wg genkey >/run/key$n
	ip netns exec n$n wg set wg0 private-key /run/key$n listen-port 51820
	ip -n n$n address add 10.7.0.$n/24 dev wg0
	ip -n n$n link set wg0 up
done
for n in 1 2; do
	o=$((3 - n))
	ip netns exec n$n wg set wg0 peer "$(wg pubkey </run/key$o)" \
		allowed-ips 10.7.0.$o/32 endpoint 192.168.7.$o:51820
done
ip netns exec n1 ping -q -c 3 -i 0.2 -W 5 10.7.0.2 >/dev/null
ip netns exec n2 iperf3 -s -D
until ip netns exec n2 ss -tln | grep -q :5201; do sleep 0.1; done

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
