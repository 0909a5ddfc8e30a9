# SPDX-License-Identifier: GPL-2.0
# Initiates: only this side knows where the other is.
. /vm/lib.sh
create
meet
for psk in none shared; do
	if [ $psk = shared ]; then
		wg genpsk >/run/psk
		put psk "$(cat /run/psk)"
	else
		: >/run/psk
	fi
	for outside in "$OUT4" "[$OUT6]"; do
		barrier "start $psk $outside"
		wg set wg0 peer "$PUBLIC" remove
		add_peer "$PUBLIC" "$outside:$PORT" preshared-key /run/psk
		barrier "ready $psk $outside"
		same "handshake time before" 0 "$(handshake_time)"
		reach "$IN4" "$IN6"
		[ "$(handshake_time)" -gt 0 ] || fail "no handshake time"
		[ "$(received)" -gt 0 ] && [ "$(sent)" -gt 0 ] || fail "the counters stand still"
		# Fragments outside: larger than any link.
		ping -q -n -c 2 -i 0.2 -W 5 -s 3000 "$IN4"
		ping -q -n -c 2 -i 0.2 -W 5 -s 3000 "$IN6"
		barrier "done $psk $outside"
		echo "$psk $outside: fine"
	done
done
