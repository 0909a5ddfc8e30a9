# SPDX-License-Identifier: GPL-2.0
# Knocks with what the other side does not accept.
. /vm/lib.sh
create
meet

echo "--- a key that the other side does not know"
wg genkey >/run/stranger
wg set wg0 private-key /run/stranger
wg set wg0 peer "$PUBLIC" endpoint "$OUT4:$PORT"
barrier "stranger"
if ping -q -n -c 1 -W 3 "$IN4"; then fail "an unknown key was let in"; fi
barrier "stranger done"
same "handshake time" 0 "$(handshake_time)"
same "bytes received" 0 "$(received)"

echo "--- the right key again"
wg set wg0 private-key /run/key
wg set wg0 peer "$PUBLIC" remove
barrier "known"
add_peer "$PUBLIC" "$OUT4:$PORT"
reach "$IN4"
barrier "known done"

echo "--- a pre-shared key that the other side does not have"
wg genpsk >/run/psk
barrier "psk"
wg set wg0 peer "$PUBLIC" remove
add_peer "$PUBLIC" "$OUT4:$PORT" preshared-key /run/psk
if ping -q -n -c 1 -W 3 "$IN4"; then fail "a wrong pre-shared key was let in"; fi
same "handshake time" 0 "$(handshake_time)"
barrier "psk done"
