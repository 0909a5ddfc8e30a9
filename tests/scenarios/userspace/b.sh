# SPDX-License-Identifier: GPL-2.0
# Another implementation, as responder and as initiator.
. /vm/lib.sh
. /vm/userspace.sh
create
meet
round=0
for role in responder initiator; do
	for psk in none shared; do
		for outside in "192.168.7.1" "[fd07::1]"; do
			round=$((round + 1))
			: >/run/psk
			[ $psk = none ] || get "psk $round" >/run/psk
			wg set wg0 peer "$PUBLIC" remove
			barrier "forgotten $round"
			[ $role = initiator ] || add_peer "$PUBLIC" "" preshared-key /run/psk
			barrier "ready $round"
			if [ $role = initiator ]; then
				add_peer "$PUBLIC" "$outside:$PORT" preshared-key /run/psk
				reach "$IN4" "$IN6"
			fi
			barrier "initiated $round"
			# boringtun gives a handshake's age where others give its time.
			[ "$(handshake_time)" -gt 0 ] || [ "$OTHER_KIND" = boringtun ] || fail "no handshake"
			same "endpoint" "$outside:$PORT" "$(wg show wg0 endpoints | cut -f2)"
			[ $role = initiator ] || reach "$IN4" "$IN6"
			barrier "done $round"
		done
	done
done
wg set wg0 peer "$PUBLIC" remove
add_peer "$PUBLIC"
barrier wrong
barrier right

iperf3 -s -D
wait_for 10 sh -c 'ss -tln | grep -q :5201'
put served 1
barrier move
ip address del 192.168.7.2/24 dev net0
ip address add 192.168.7.22/24 dev net0
wg set wg0 listen-port 41000
reach "$IN4"
put moved4 1
barrier "settled 4"
ip address add fd07::22/64 dev net0 nodad
ip address del fd07::2/64 dev net0
wg set wg0 listen-port 42000
# boringtun changes no peer that it has.
[ "$OTHER_KIND" != boringtun ] || wg set wg0 peer "$PUBLIC" remove
add_peer "$PUBLIC" "[fd07::1]:$PORT"
reach "$IN4"
put moved6 1

barrier "we moved"
same "endpoint" "192.168.7.11:51999" "$(wg show wg0 endpoints | cut -f2)"
reach "$IN4" "$IN6"
put followed 1

barrier die
kill -9 "$(pgrep -o -f "$OTHER_KIND.* wg0")"
wait_for 10 sh -c '! ip link show wg0'
rm -f /var/run/wireguard/wg0.sock
create
add_peer "$PUBLIC" "192.168.7.11:51999"
reach "$IN4" "$IN6"
put back 1
barrier end
