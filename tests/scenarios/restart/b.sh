# SPDX-License-Identifier: GPL-2.0
# Loses its interface twice.
. /vm/lib.sh
create
meet
barrier ready

forget() {
	ip link del wg0
	create
	add_peer "$PUBLIC" "$1"
}
barrier "restart 1"
forget "$OUT4:$PORT"
barrier "back 1"
reach "$IN4" "$IN6"
barrier "spoken 1"

barrier "restart 2"
forget ""
barrier "back 2"
barrier "end"
[ "$(handshake_time)" -gt 0 ] || fail "no handshake"
