# SPDX-License-Identifier: GPL-2.0
# Two interfaces with the same two peers, wireguard-go at b and boringtun at c: on wg0 the sessions are
# ours to begin and so to renew, on wg1 (port 51821) theirs.
. /vm/lib.sh
for i in 0 1; do
	wg genkey >/run/key$i
	make_link wg$i
	wg set wg$i private-key /run/key$i listen-port $((PORT + i))
	ip address add 10.7.$i.1/24 dev wg$i
	ip link set wg$i up
	put "a.public $i" "$(wg show wg$i public-key)"
	for who in "b 2 192.168.7.2" "c 3 192.168.8.2"; do
		read -r name number _ <<<"$who"
		public=$(get "$name.public $i")
		wg set wg$i peer "$public" allowed-ips 10.7.$i.$number/32
	done
done
capture /run/wire.pcap "udp[8:4] = 0x01000000 or udp[8:4] = 0x02000000"
B=$CAPTURE
tcpdump -U --immediate-mode -n -i net1 -Z root -w /run/wire1.pcap "udp[8:4] = 0x01000000 or udp[8:4] = 0x02000000" 2>/run/tcpdump1.log &
C=$!
wait_for 10 grep -q 'listening on' /run/tcpdump1.log
barrier met
wg set wg0 peer "$(get "b.public 0")" endpoint "192.168.7.2:$PORT"
wg set wg0 peer "$(get "c.public 0")" endpoint "192.168.8.2:$PORT"
reach 10.7.0.2 10.7.0.3
barrier "we began"
# Here they speak first.
barrier "they began"
handshakes() { for i in 0 1; do wg show wg$i latest-handshakes | sort | cut -f2; done; }
first=$(handshakes)
pings=()
for address in 10.7.0.2 10.7.0.3 10.7.1.2 10.7.1.3; do
	ping -q -n -i 0.2 -c 650 -W 5 $address >/run/ping.$address &
	pings+=($!)
done
for pid in "${pings[@]}"; do wait "$pid" || true; done
second=$(handshakes)
for pid in $B $C; do
	kill $pid
	wait $pid || true
done
echo "handshakes at" $first "and" $second
paste <(echo "$first") <(echo "$second") | while read -r one two; do
	age=$((two - one))
	[ $age -ge 118 ] && [ $age -le 130 ] || fail "a new handshake $age seconds after the first"
done
for address in 10.7.0.2 10.7.0.3 10.7.1.2 10.7.1.3; do
	lost=$(awk '/packets transmitted/ { print $1 - $4 }' /run/ping.$address)
	echo "$address: $lost of 650 pings lost"
	[ "$lost" -le 3 ] || fail "$lost pings lost to $address"
done
# Who began: on wg0 nobody but us, on wg1 nobody but them; twice each.
count() { tcpdump -n -Z root -r "$1" "udp[8:4] = 0x01000000 and $2" 2>/dev/null | wc -l; }
for wire in "wire 7" "wire1 8"; do
	read -r file net <<<"$wire"
	ours="src 192.168.$net.1 and dst port $PORT and src port $PORT"
	theirs="src 192.168.$net.2 and dst port $((PORT + 1))"
	echo "$file: we began $(count /run/$file.pcap "$ours") times, they $(count /run/$file.pcap "$theirs") times"
	[ "$(count /run/$file.pcap "$ours")" -ge 2 ] || fail "we did not renew the session"
	[ "$(count /run/$file.pcap "$theirs")" -ge 2 ] || fail "they did not renew the session"
	same "beginnings by the wrong side" 0 "$(($(count /run/$file.pcap "ip") \
		- $(count /run/$file.pcap "$ours") - $(count /run/$file.pcap "$theirs")))"
done
barrier end
