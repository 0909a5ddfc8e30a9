# SPDX-License-Identifier: GPL-2.0
# Nobody answers. 150 packets are to be sent: 129 are staged, the oldest give way. Twenty initiations,
# 5 seconds apart and a third of a second more at most; then the staged packets are dropped, and all
# is silent until there is something to send.
dropped() { at 1 cat /sys/class/net/wg0/statistics/tx_dropped; }
mute 1
at 1 ping -q -n -c 150 -i 0.002 -W 1 10.7.0.2 >/run/ping.log || true
sleep 90
same "packets dropped at first" 21 "$(dropped)"
sleep 200
same "packets dropped at the end" 150 "$(dropped)"
heard 1
answered
same "packets dropped later" 150 "$(dropped)"
sleep 1
wire
for ((n = 1; n < 20; n++)); do
	timer "initiation $((n + 1))" "$(nth $n 1 initiation)" "$(nth $((n + 1)) 1 initiation)" 5 $JITTER
done
same "initiations while nobody answers" 20 "$(count 1 initiation 0 280)"
same "initiations" 21 "$(count 1 initiation)"
same "responses" 1 "$(count 2 response)"
