# SPDX-License-Identifier: GPL-2.0
# Three initiations find no answer, the fourth does, and the packet that waited for it arrives.
mute 2
at 1 ping -q -n -c 1 -W 30 10.7.0.2 >/run/ping.log &
ping=$!
sleep 12
heard 2
wait $ping || fail "the packet was lost"
sleep 60
wire
same "initiations" 4 "$(count 1 initiation)"
same "responses" 4 "$(count 2 response)"
for n in 1 2 3; do
	timer "initiation $((n + 1))" "$(nth $n 1 initiation)" "$(nth $((n + 1)) 1 initiation)" 5 $JITTER
done
after "data" "$(nth 4 2 response)" "$(nth 1 1 data)" 0 0.011
