# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose clock counts instructions: microseconds, so thousands of instructions, from
# a ping to its answer through a tunnel between two name spaces; first with nothing else in it, then
# beside a TCP flow that sends as fast as it can. "NAME P50 P99 PINGS", over ROUNDS rounds of COUNT.
. /vm/pair.sh
ROUNDS=${1:-3} COUNT=${2:-300}
pair

# round INTERVAL: adds the times of one round to /run/times, in microseconds.
round() {
	ip netns exec n1 ping -n -i "$1" -c "$COUNT" 10.7.0.2 >/run/ping.log
	awk 'match($0, /time=[0-9.]+/) { print substr($0, RSTART + 5, RLENGTH - 5) * 1000 }' \
		/run/ping.log >>/run/times
}

# percentiles NAME
percentiles() {
	sort -n /run/times | awk -v name="$1" '
		{ time[NR] = $1 }
		END { print name, time[int((NR + 1) / 2)], time[int(NR * 0.99 + 0.5)], NR }'
	rm /run/times
}

for ((i = 0; i < ROUNDS; i++)); do round 0.01; done
percentiles idle
for ((i = 0; i < ROUNDS; i++)); do
	ip netns exec n1 iperf3 -c 10.7.0.2 -t 3600 >/run/iperf.log 2>&1 &
	flow=$!
	sleep 1
	round 0.01
	kill $flow
	wait $flow || true
	sleep 1
done
percentiles busy
