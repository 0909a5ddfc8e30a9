# SPDX-License-Identifier: GPL-2.0
# Ours, as initiator and as responder.
. /vm/lib.sh
create
meet
# data: larger than any link, over both families.
data() {
	reach "$IN4" "$IN6"
	ping -q -n -c 2 -i 0.2 -W 5 -s 3000 "$IN4"
	ping -q -n -c 2 -i 0.2 -W 5 -s 3000 "$IN6"
}
round=0
for role in initiator responder; do
	for psk in none shared; do
		for outside in "$OUT4" "[$OUT6]"; do
			round=$((round + 1))
			: >/run/psk
			if [ $psk = shared ]; then
				wg genpsk >/run/psk
				put "psk $round" "$(cat /run/psk)"
			fi
			endpoint=
			[ $role = responder ] || endpoint="$outside:$PORT"
			wg set wg0 peer "$PUBLIC" remove
			# Who has the other as a peer, and an endpoint of the last round, may begin a handshake at any time.
			barrier "forgotten $round"
			add_peer "$PUBLIC" "" preshared-key /run/psk
			same "handshake time before" 0 "$(handshake_time)"
			barrier "ready $round"
			if [ $role = initiator ]; then
				wg set wg0 peer "$PUBLIC" endpoint "$endpoint"
				data
			fi
			barrier "initiated $round"
			[ "$(handshake_time)" -gt 0 ] || fail "no handshake"
			same "endpoint" "$outside:$PORT" "$(wg show wg0 endpoints | cut -f2)"
			# Now the other way round, in the same session.
			[ $role = initiator ] || data
			[ "$(received)" -gt 6000 ] && [ "$(sent)" -gt 6000 ] || fail "the counters stand still"
			barrier "done $round"
			echo "$role $psk $outside: fine"
		done
	done
done

echo "--- a wrong preshared key: no session"
wg genpsk >/run/psk
wg set wg0 peer "$PUBLIC" remove
add_peer "$PUBLIC" "" preshared-key /run/psk
barrier wrong
wg set wg0 peer "$PUBLIC" endpoint "$OUT4:$PORT"
if ping -q -n -c 2 -W 2 "$IN4"; then fail "an answer in spite of the wrong key"; fi
same "handshake time" 0 "$(handshake_time)"
: >/run/psk
wg set wg0 peer "$PUBLIC" preshared-key /run/psk
barrier right
reach "$IN4"

echo "--- TCP and UDP"
iperf3 -s -D
get served >/dev/null
for way in "" -R; do
	for kind in "-n 1M" "-t $SHORT -u -b 2M -l 1300"; do
		rate=$(iperf "$IN6" $kind $way)
		awk -v rate="$rate" 'BEGIN { exit !(rate > 0) }' || fail "nothing arrived: iperf3 $kind $way"
		echo "iperf3 $kind $way: $rate Mbit/s"
	done
done

echo "--- roaming: the other end moves, over IPv4 and then to IPv6"
barrier move
get moved4 >/dev/null
same "endpoint" "192.168.7.22:41000" "$(wg show wg0 endpoints | cut -f2)"
reach "$IN4" "$IN6"
barrier "settled 4"
get moved6 >/dev/null
same "endpoint" "[fd07::22]:42000" "$(wg show wg0 endpoints | cut -f2)"
reach "$IN4" "$IN6"

echo "--- roaming: we move, to another address and another port"
ip address del 192.168.7.1/24 dev net0
ip address add 192.168.7.11/24 dev net0
wg set wg0 listen-port 51999 peer "$PUBLIC" endpoint "192.168.7.22:42000"
reach "$IN4" "$IN6"
barrier "we moved"
get followed >/dev/null

echo "--- their end dies without a word, and comes back with a new session"
before=$(handshake_time)
# The time of a handshake is shown in whole seconds.
wait_for 5 sh -c "[ \$(date +%s) -gt $before ]"
barrier "die"
get back >/dev/null
# Whoever speaks first: they have our endpoint, and we still hold the old session.
reach "$IN4" "$IN6"
[ "$(handshake_time)" -gt "$before" ] || fail "no new handshake"
barrier end
