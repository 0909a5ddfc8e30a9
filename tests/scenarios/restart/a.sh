# SPDX-License-Identifier: GPL-2.0
# Keeps its session and is told nothing.
. /vm/lib.sh
create
meet "$OUT4:$PORT"
barrier ready
reach "$IN4" "$IN6"

barrier "restart 1"
barrier "back 1"
# The other side speaks first, with a handshake of its own.
barrier "spoken 1"
reach "$IN4"

first=$(handshake_time)
barrier "restart 2"
barrier "back 2"
# This side speaks first, with keys that the other forgot. No answer comes; after 15 seconds of
# sending without hearing a new handshake must start by itself.
start=$SECONDS
wait_for 30 ping -q -n -c 1 -W 1 "$IN4"
echo "recovered after $((SECONDS - start)) s"
[ $((SECONDS - start)) -ge 10 ] || fail "that was no recovery by the timer"
[ "$(handshake_time)" -gt "$first" ] || fail "no new handshake"
reach "$IN4" "$IN6"
barrier "end"
