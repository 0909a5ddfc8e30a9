# SPDX-License-Identifier: GPL-2.0
# Begins handshakes; in the second half the responses come to a machine under load.
. /vm/lib.sh
. /vm/flood.sh
create /run/fixed
meet "$OUT4:$PORT"
reach "$IN4"

# again: a handshake from the beginning.
again() {
	wg set wg0 peer "$PUBLIC" remove
	add_peer "$PUBLIC" "$OUT4:$PORT"
	ping -q -n -c 1 -W 1 "$IN4" >/dev/null || true
}

echo "--- the other end is under load"
capture /run/load.pcap
barrier "b floods"
for try in 1 2 3 4 5 6 7 8; do
	again
	sleep 0.5
	if some lines 2 3; then break; fi
done
wait_for 40 some with_cookie 1 1
wait_for 20 ping -q -n -c 1 -W 1 "$IN4"
stop_capture
payloads /run/load.pcap | cut -c 1-20 | sort | uniq -c
some lines 2 3 || fail "no cookie came"
barrier "b is calm"
reach "$IN4" "$IN6"

echo "--- this end is under load"
capture /run/load.pcap
start_flood
for try in 1 2 3 4 5 6 7 8; do
	again
	sleep 0.5
	if some lines 1 3; then break; fi
done
wait_for 40 some with_cookie 2 2
wait_for 20 ping -q -n -c 1 -W 1 "$IN4"
stop_flood
stop_capture
payloads /run/load.pcap | cut -c 1-20 | sort | uniq -c
some lines 1 3 || fail "no cookie went out"
reach "$IN4" "$IN6"
barrier end
