# SPDX-License-Identifier: GPL-2.0
# n2 hears nothing any more and goes on sending, until the session is 180 seconds old. What it wants to
# send then is staged, and goes out in the order it came in as soon as n1 is heard again.
answered
mute 1
at 1 tcpdump -U --immediate-mode -s 256 -n -i wg0 -Z root -w /run/inner.pcap icmp 2>/run/inner.log &
inner=$!
wait_for 10 grep -q 'listening on' /run/inner.log
send 2 1000 0.25 &
sleep 200.1
heard 1
wait $!
kill $inner
wait $inner || true
wire
same "initiations of n1 beside the first" 0 "$(count 1 initiation 0.001 119)"
born=$(nth 1 2 response)
last=$(times 2 data | awk '$1 < 190' | tail -1)
after "last packet of the session" "$born" "$last" 179.7 0.3
same "packets between sessions" 0 "$(count 2 data 180.02 199)"
tcpdump -n -Z root -r /run/inner.pcap icmp 2>/dev/null | sed 's/.* seq \([0-9]*\),.*/\1/' >/run/numbers
seq 1000 >/run/expected
cmp /run/expected /run/numbers || fail "lost or out of order: $(wc -l </run/numbers) packets of 1000"
