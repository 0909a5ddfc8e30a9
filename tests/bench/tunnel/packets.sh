# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose clock counts instructions: how many a packet costs in a tunnel between
# two name spaces, both ends together, less what the same packet costs beside the tunnel.
#
# Below saturation, so that the offered load, not the machine, sets the number of packets. Busy
# time is uptime less idle time; a nanosecond of it is one instruction. One line for each kind of
# traffic: "NAME INSTRUCTIONS PACKETS TUNNEL BESIDE CABLE", where CABLE is
# how many packets crossed the cable when there was no tunnel.
. /vm/pair.sh
SECONDS_EACH=${1:-6}
pair

# Packets that have come in at the receiver's end of the tunnel, or of the cable.
arrived() { ip netns exec n2 cat /sys/class/net/"$1"/statistics/rx_packets; }

# measure DEVICE ADDRESS ARGUMENTS...: sets TIME, busy nanoseconds, and PACKETS.
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
	echo "$name $(((tunnel - TIME) / packets)) $packets" \
		"$((tunnel / packets)) $((TIME / packets)) $PACKETS"
}

compare tcp -b 80M -M 1360
compare udp64 -u -l 64 -b 4M
compare udp1360 -u -l 1360 -b 80M
