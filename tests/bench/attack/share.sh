# SPDX-License-Identifier: GPL-2.0
# A tunnel that shares its end with a flood: what still comes through, at rising rates. The
# attacker and the honest peer have one CPU, of which the attacker gets what the peer leaves; the target
# has the other, where everything it receives is worked on.
#
# A line for each flood and rate: "share KIND RATE SENT GOODPUT ANSWERS COOKIES MEMORY": packets a
# second wanted (0: as many as go) and sent, Mbit/s of the tunnel, datagrams that left the target
# towards the attacker and how many of them had the length of a cookie reply, and KiB that the
# kernel's memory grew by at most.
set -euo pipefail
. /vm/common.sh
SECONDS_EACH=$1 RATES=$2
shift 2
LAUNCH="taskset -c 0 nice -n 19"

for cable in n1 n3; do
	ip netns exec n2 bash -c "echo 2 >/sys/class/net/$cable/queues/rx-0/rps_cpus"
done 2>/dev/null || echo "note: no steering of received packets here" >&2
for rule in "" "-m length --length 92"; do
	ip netns exec n2 iptables -A OUTPUT -o n1 -p udp --sport $PORT $rule
done
witness() { ip netns exec n2 iptables -nvxL OUTPUT "$1" | awk '{ print $1 }'; }
ip netns exec n2 taskset -c 1 iperf3 -s -D
until ip netns exec n2 ss -tln | grep -q :5201; do sleep 0.1; done
# Kernel memory that is in use, KiB.
memory() { awk '/^(Slab|Percpu|VmallocUsed|KernelStack):/ { sum += $2 } END { print sum }' /proc/meminfo; }

# share KIND SOURCES RATE
share() {
	local answers cookies before most=0 now sent=0 ms=1 client
	answers=$(witness 1) cookies=$(witness 2) before=$(memory)
	if [ "$1" != none ]; then
		attack "$1" "$2" $PORT --rate "$3" --seconds $((SECONDS_EACH + 2)) >/run/sent &
		sleep 0.5
	fi
	ip netns exec n3 taskset -c 0 iperf3 -c 10.7.0.2 -u -l 1200 -b 20M/16 -t "$SECONDS_EACH" -f m \
		--connect-timeout 8000 >/run/iperf.log 2>&1 &
	client=$!
	while kill -0 $client 2>/dev/null; do
		now=$(memory)
		[ "$now" -le "$most" ] || most=$now
		sleep 0.2
	done
	wait $client || true
	now=$(awk '/receiver/ { for (i = 2; i <= NF; i++) if ($i == "Mbits/sec") rate = $(i - 1) }
		END { print rate + 0 }' /run/iperf.log)
	if [ "$1" != none ]; then
		wait
		read -r sent ms </run/sent
	fi
	sleep 0.5
	echo "share $1/$2 $3 $((sent * 1000 / ms)) $now $(($(witness 1) - answers))" \
		"$(($(witness 2) - cookies)) $((most - before))"
}

share none 1 0
for kind; do
	for rate in $RATES; do
		share "${kind%/*}" "${kind#*/}" $rate
	done
done
ip netns exec n3 ping -q -n -c 1 -W 5 10.7.0.2 >/dev/null || fail "the tunnel is dead after it all"
