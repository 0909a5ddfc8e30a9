# SPDX-License-Identifier: GPL-2.0
# Listens to the knocks and counts what leaves.
. /vm/lib.sh
create
meet

capture /run/stranger.pcap
barrier "stranger"
barrier "stranger done"
stop_capture
payloads /run/stranger.pcap >/run/stranger.txt
cut -c 1-80 /run/stranger.txt
grep -q '^1 01000000' /run/stranger.txt || fail "the knock did not arrive"
if grep -q '^2 ' /run/stranger.txt; then fail "a stranger got an answer"; fi
same "handshake time" 0 "$(handshake_time)"
same "bytes received" 0 "$(received)"

barrier "known"
barrier "known done"

wg set wg0 peer "$PUBLIC" remove
add_peer "$PUBLIC" ""
capture /run/psk.pcap
barrier "psk"
barrier "psk done"
stop_capture
payloads /run/psk.pcap >/run/psk.txt
cut -c 1-80 /run/psk.txt
# The responder cannot know: its response (type 2) goes out, and the initiator drops it.
grep -q '^1 01000000' /run/psk.txt || fail "the initiation did not arrive"
if grep -q '^. 04000000' /run/psk.txt; then fail "data passed with a wrong pre-shared key"; fi
same "handshake time" 0 "$(handshake_time)"
