# SPDX-License-Identifier: GPL-2.0
# Initiates, first to where it cannot send.
. /vm/common.sh
meet "[fd07::2]:$PORT"
same "endpoint" "[fd07::2]:$PORT" "$(wg show wg0 endpoints | cut -f2)"
if ping -q -n -c 2 -i 0.2 -W 1 "$IN4"; then fail "an answer without a way"; fi
same "handshake time" 0 "$(handshake_time)"
# A handshake that is under way is tried again after five seconds.
wg set wg0 peer "$PUBLIC" endpoint "$OUT4:$PORT"
reach "$IN4"
[ "$(handshake_time)" -gt 0 ] || fail "no handshake time"
ping -q -n -c 2 -i 0.2 -W 5 -s 3000 "$IN4"
ip link set wg0 down
ip link set wg0 up
sockets
reach "$IN4"
barrier done
