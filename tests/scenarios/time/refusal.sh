# SPDX-License-Identifier: GPL-2.0
# n2's response takes 3 seconds, so its session is 3 seconds older than n1's. n1, which then hears no
# more, sends until its own is 180 seconds old; n2 lets in nothing once its own is.
late_by 2 3s
send 1
sleep 3.5
prompt 2
mute 2
at 2 tcpdump -l --immediate-mode -s 256 -n -tt -i wg0 -Z root icmp >/run/inner.txt 2>/run/inner.log &
inner=$!
wait_for 10 grep -q 'listening on' /run/inner.log
send 1 760 0.25
kill $inner
wait $inner || true
wire
born=$(nth 1 1 initiation)
last=$(times 1 data | tail -1)
after "last packet sent" "$(nth 1 2 response)" "$last" 179.7 0.3
# The session's age at n2, when the last packet came in: by the number of packets that did not.
out=$(count 1 data 3.6) in=$(wc -l </run/inner.txt)
echo "$out packets sent, $in let in"
refused=$((out - in))
between "packets refused in 3 seconds, four each second" "$refused" 11 13
