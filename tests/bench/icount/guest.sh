# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose clock counts instructions: how many a packet costs in a tunnel between
# two name spaces, both ends together, less what the same packet costs beside the tunnel.
#
# Below saturation, so that the offered load, not the machine, sets the number of packets. Busy
# time is uptime less idle time; a nanosecond of it is one instruction. One line for each kind of
# traffic: "NAME INSTRUCTIONS PACKETS TUNNEL BESIDE CABLE", where CABLE is
# how many packets crossed the cable when there was no tunnel.
set -euo pipefail
umask 077
SECONDS_EACH=${1:-6}

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

# Busy time so far, in hundredths of a second.
busy() { awk '{ printf "%.0f\n", ($1 - $2) * 100 }' /proc/uptime; }

# Packets that have come in at the receiver's end of the tunnel, or of the cable.
arrived() { ip netns exec n2 cat /sys/class/net/"$1"/statistics/rx_packets; }

# measure DEVICE ADDRESS ARGUMENTS...: sets TIME, busy hundredths of a second, and PACKETS.
measure() {
	local device=$1 address=$2 time packets try
	shift 2
	for try in 1 2 3 4 5 last; do
		packets=$(arrived "$device")
		time=$(busy)
		ip netns exec n1 iperf3 -c "$address" -t "$SECONDS_EACH" "$@" >/run/iperf.log 2>&1 && break
		# Between two tests the server does not listen for a moment.
		[ $try != last ] || { cat /run/iperf.log >&2; exit 1; }
		sleep 0.5
	done
	TIME=$(($(busy) - time))
	PACKETS=$(($(arrived "$device") - packets))
}

# compare NAME ARGUMENTS...: both times are divided by the tunnel's packets. A cable carries the
# same bytes as fewer, larger packets of TCP, so its own count would not compare.
compare() {
	local name=$1 tunnel packets
	shift
	measure wg0 10.7.0.2 "$@"
	tunnel=$TIME packets=$PACKETS
	measure v2 192.168.7.2 "$@"
	echo "$name $(((tunnel - TIME) * 10000000 / packets)) $packets" \
		"$((tunnel * 10000000 / packets)) $((TIME * 10000000 / packets)) $PACKETS"
}

compare tcp -b 80M -M 1360
compare udp64 -u -l 64 -b 4M
compare udp1360 -u -l 1360 -b 80M
