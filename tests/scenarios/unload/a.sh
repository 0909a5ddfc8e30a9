# SPDX-License-Identifier: GPL-2.0
# Removes its module while packets are in every queue.
. /vm/lib.sh
before=$(grep -c . /proc/net/dev)
for round in 1 2 3; do
	create
	meet "$OUT4:$PORT"
	barrier "ready $round"
	reach "$IN4"
	iperf3 -c "$IN4" -t 30 -P 2 --bidir >/dev/null 2>&1 &
	tcp=$!
	iperf3 -c "$IN6" -p 5202 -t 30 -u -b ${MUCH}M --bidir >/dev/null 2>&1 &
	udp=$!
	sleep $SHORT
	start=$(date +%s%N)
	rmmod wireguard
	echo "round $round: removed in $((($(date +%s%N) - start) / 1000000)) ms"
	kill -9 $tcp $udp
	wait || true
	if ip link show wg0 2>/dev/null; then fail "the interface is still there"; fi
	same "network devices" "$before" "$(grep -c . /proc/net/dev)"
	if grep -q "^wireguard " /proc/modules; then fail "the module is still there"; fi
	if ss -uan | grep -q ":$PORT "; then fail "the port is still open"; fi
	barrier "gone $round"
	load-module
done
create
meet "$OUT4:$PORT"
barrier "ready 4"
reach "$IN4" "$IN6"
barrier end
