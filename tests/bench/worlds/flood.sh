# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose clock counts instructions, with one CPU that never rests while TCP sends as fast
# as it can from one name space to another: time is instructions then, all there are, of sender, receiver
# and both ends of the tunnel. One line for each size of segments: "NAME INSTRUCTIONS PACKETS IDLE", IDLE
# being the hundredths of a second in which there was nothing to do, which must be few.
#
# (packets.sh asks for the idle time to the nanosecond, which a 7.2 does not tell any more.)
. /vm/pair.sh
pair

now() { awk '/^now at / { print $3 }' /proc/timer_list; }
idle() { awk '$1 == "cpu" { print $5 + $6 }' /proc/stat; }
arrived() { ip netns exec n2 cat /sys/class/net/wg0/statistics/rx_packets; }

# measure NAME ARGUMENTS...
measure() {
	local name=$1 packets time rest
	shift
	packets=$(arrived) rest=$(idle) time=$(now)
	ip netns exec n1 iperf3 -c 10.7.0.2 "$@" >/run/iperf.log 2>&1 || { cat /run/iperf.log >&2; exit 1; }
	time=$(($(now) - time)) rest=$(($(idle) - rest)) packets=$(($(arrived) - packets))
	((rest * 10000000 * 20 < time)) || { echo "$name: idle for $rest hundredths of a second" >&2; exit 1; }
	echo "$name $((time / packets)) $packets $rest"
}

# (for a time: having sent a number of bytes, iperf3 keeps the processor busy to the end of the second)
measure tcp1360 -t 4 -M 1360
sleep 1
measure tcp536 -t 4 -M 536
