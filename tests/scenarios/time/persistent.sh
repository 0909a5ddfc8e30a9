# SPDX-License-Identifier: GPL-2.0
# A persistent keepalive starts the session by itself when it is set, comes at its interval, 25 seconds
# after anything that was sent or received, and ends when it is set to 0.
key=$(wg pubkey </run/key2)
at 1 wg set wg0 peer "$key" persistent-keepalive 25
sleep 80
send 1
sleep 30
at 1 wg set wg0 peer "$key" persistent-keepalive 0
sleep 60
wire
after "response" "$(nth 1 1 initiation)" "$(nth 1 2 response)" 0 0.011
after "first" "$(nth 1 2 response)" "$(nth 1 1 keepalive)" 0 0.011
for n in 1 2 3; do
	timer "keepalive $((n + 1))" "$(nth $n 1 keepalive)" "$(nth $((n + 1)) 1 keepalive)" 25
done
# n2 answers the packet 10 seconds later, and that counts, too.
timer "answer" "$(nth 1 1 data)" "$(nth 1 2 keepalive)" 10
same "keepalives of n2" 1 "$(count 2 keepalive)"
same "keepalives of n1" 4 "$(count 1 keepalive)"
same "initiations" 1 "$(count 1 initiation)"
