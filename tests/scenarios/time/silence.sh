# SPDX-License-Identifier: GPL-2.0
# After two minutes of silence the session is good for one more packet, which starts the next one; after
# more than three it is not, and the packet waits for the handshake.
answered
sleep 125
answered
sleep 200
answered
sleep 1
wire
same "initiations" 3 "$(count 1 initiation)"
same "responses" 3 "$(count 2 response)"
same "initiations of n2" 0 "$(count 2 initiation)"
index() { awk -v n="$1" '$2 == 1 && $3 == "data" && ++i == n { print $5 }' /run/wire.txt; }
# first, in the old session, the packet and then the initiation
same "session of the second ping" "$(index 1)" "$(index 2)"
after "second handshake" "$(nth 2 1 data)" "$(nth 2 1 initiation)" 0 0.011
# then the initiation and then the packet, in the new one
[ "$(index 3)" != "$(index 2)" ] || fail "the third ping went into an expired session"
after "third ping" "$(nth 3 2 response)" "$(nth 3 1 data)" 0 0.011
