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

# until_cookie DIRECTION TYPE: handshakes from the beginning, until such a message carries a cookie.
# An attempt is given the time of a second initiation: on a busy machine a cookie may come for one
# that has been forgotten, while the next is answered without.
until_cookie() {
	local try wait
	for try in 1 2 3 4 5 6; do
		again
		for wait in 1 2 3 4 5 6 7 8 9 10 11 12 13; do
			if some with_cookie "$1" "$2"; then return; fi
			sleep 0.5
		done
	done
	fail "no message with a cookie"
}

echo "--- the other end is under load"
capture /run/load.pcap
barrier "b floods"
until_cookie 1 1
wait_for 20 ping -q -n -c 1 -W 1 "$IN4"
stop_capture
payloads /run/load.pcap | cut -c 1-20 | sort | uniq -c
some lines 2 3 || fail "no cookie came"
barrier "b is calm"
reach "$IN4" "$IN6"

echo "--- this end is under load"
capture /run/load.pcap
start_flood
until_cookie 2 2
wait_for 20 ping -q -n -c 1 -W 1 "$IN4"
stop_flood
stop_capture
payloads /run/load.pcap | cut -c 1-20 | sort | uniq -c
some lines 1 3 || fail "no cookie went out"
reach "$IN4" "$IN6"
barrier end
