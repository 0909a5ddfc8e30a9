# SPDX-License-Identifier: GPL-2.0
# Initiated the session, so it starts the new handshake when 120 seconds have passed.
. /vm/lib.sh
. /vm/stream.sh
create
capture /run/wire.pcap "udp[8:4] != 0x04000000"
meet "$OUT4:$PORT"
barrier ready
reach "$IN4"
first=$(handshake_time)
# What the tunnel carries of this kind when it is given too much; half of it each way is all.
iperf "$IN4" -t 3 -u -b 2G -l 1300 -w 4M >/run/rate
capacity=$(awk '{ printf "%d", $1 * 1000 }' /run/rate)
rate=$((capacity / 8))
echo "capacity $capacity kbit/s; $rate kbit/s each way"
[ $rate -gt 0 ] || fail "no capacity"
before=$(own_drops)
lost_before=$(tunnel_drops)
barrier stream
iperf "$IN4" -t 135 -u -b ${rate}K -l 1300 -w 4M --bidir >/dev/null &
load=$!
ping -n -i 0.2 -c 650 "$IN6" >/run/ping.log
wait $load
tail -n 3 /run/ping.log
grep -E 'sender|receiver|out-of-order' /run/iperf.log
second=$(handshake_time)
echo "handshakes at $first and $second"
[ $((second - first)) -ge 118 ] || fail "no new handshake after 120 seconds"
[ $((second - first)) -le 130 ] || fail "the new handshake was late"
read -r lost of < <(lost /run/iperf.log)
excused=$(($(own_drops) - before + $(get "drops b")))
dropped=$(($(tunnel_drops) - lost_before + $(get "tunnel drops b")))
echo "$lost of $of datagrams lost, $excused by sockets and cards, $dropped by the tunnel"
[ "$of" -gt 1000 ] || fail "that was no stream"
[ "$lost" -le "$excused" ] || fail "the tunnel lost $((lost - excused)) datagrams"
same "packets that the interfaces dropped" 0 "$dropped"
same "datagrams that came out of order" 0 "$(arrived_late /run/iperf.log)"
# As iperf counts: what is not there before the last one that is. ping waits for two round trips in the
# end, and a host that pauses then makes answers late, not lost.
read -r last lost < <(sed -n 's/.* icmp_seq=\([0-9]*\) .*/\1/p' /run/ping.log | sort -nu | awk '{ last = $1 } END { print last + 0, last - NR }')
[ "$last" -ge 600 ] || fail "no answer to a ping after number $last"
[ "$lost" -le "$excused" ] || fail "$lost pings lost"
stop_capture
tcpdump -n -Z root -r /run/wire.pcap 2>/dev/null | cut -c 1-100 | tee /run/messages
# Nobody started twice: two initiations and two responses, and one more of each at most where
# both ends started at once.
[ "$(wc -l </run/messages)" -le 6 ] || fail "too many handshake messages"
barrier end
