# SPDX-License-Identifier: GPL-2.0
# Responds: learns the endpoint of the other side from its handshake.
. /vm/lib.sh
create
meet
for psk in none shared; do
	if [ $psk = shared ]; then get psk >/run/psk; else : >/run/psk; fi
	for outside in "192.168.7.1" "[fd07::1]"; do
		# Barriers are named after the address of this machine, as the other one sees it.
		seen=${outside/7.1/7.2}
		seen=${seen/::1/::2}
		barrier "start $psk $seen"
		wg set wg0 peer "$PUBLIC" remove
		add_peer "$PUBLIC" "" preshared-key /run/psk
		barrier "ready $psk $seen"
		barrier "done $psk $seen"
		[ "$(handshake_time)" -gt 0 ] || fail "no handshake time"
		same "learned endpoint" "$outside:$PORT" "$(wg show wg0 endpoints | cut -f2)"
		# Now this side speaks first.
		reach "$IN4" "$IN6"
	done
done
