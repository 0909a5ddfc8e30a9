# SPDX-License-Identifier: GPL-2.0
# Initiated the session, so it starts the new handshake when 120 seconds have passed.
. /vm/lib.sh
create
capture /run/wire.pcap "udp[8:4] != 0x04000000"
meet "$OUT4:$PORT"
barrier ready
reach "$IN4"
first=$(handshake_time)
# A slow stream both ways, so that the number of lost packets says something.
iperf "$IN4" -t 135 -u -b 300K -l 500 --bidir >/run/rate &
load=$!
ping -q -n -i 0.2 -c 650 "$IN6" >/run/ping.log
wait $load
cat /run/ping.log
grep -E 'sender|receiver' /run/iperf.log
second=$(handshake_time)
echo "handshakes at $first and $second"
[ $((second - first)) -ge 118 ] || fail "no new handshake after 120 seconds"
[ $((second - first)) -le 130 ] || fail "the new handshake was late"
lost=$(awk '/packets transmitted/ { print $1 - $4 }' /run/ping.log)
[ "$lost" -le 3 ] || fail "$lost pings lost"
stop_capture
tcpdump -n -Z root -r /run/wire.pcap 2>/dev/null | cut -c 1-100 | tee /run/messages
# Nobody started twice: two initiations and two responses, and one more of each at most where
# both ends started at once.
[ "$(wc -l </run/messages)" -le 6 ] || fail "too many handshake messages"
barrier end
