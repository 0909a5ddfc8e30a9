# SPDX-License-Identifier: GPL-2.0
# The target: ours.
. /vm/lib.sh
. /vm/hostile.sh
. /vm/steps.sh

# The witness: rules without a verdict, which count what comes to the socket, what leaves it, and
# what goes into the tunnel.
for rule in "INPUT -p udp --dport $PORT" "OUTPUT -p udp --sport $PORT" "OUTPUT -o wg0"; do
	iptables -A $rule
done
# witness CHAIN NUMBER: packets so far.
witness() { iptables -nvxL "$1" "$2" | awk '{ print $1 }'; }

# All counters, "NAME VALUE" a line.
counters() { ethtool -S wg0 | sed -n 's/^ *\([rt]x_[a-z0-9_]*\): \([0-9]*\)$/\1 \2/p'; }
# total PATTERN: the sum of those whose names match.
total() { counters | awk -v pattern="$1" '$1 ~ pattern { sum += $2 } END { print sum + 0 }'; }
# Counters that have changed since `counters >/run/before`, and by how much. When keepalives come, and
# the handshake after two minutes, is up to the timers; the sums below have them.
changes() {
	counters | awk 'NR == FNR { before[$1] = $2; next }
		$2 != before[$1] && $1 !~ /keepalives|x_handshakes$/ { print $1, $2 - before[$1] }' /run/before - | xargs
}
# changed EXPECTED: whether just this has, and every datagram has an end.
changed() { [ "$(changes)" = "$1" ] && [ "$(total '^rx')" = "$(witness INPUT 1)" ]; }
# account WHAT EXPECTED: it will have.
account() {
	local end=$((SECONDS + 15))
	until changed "$2"; do
		if [ $SECONDS -ge $end ]; then
			echo "all of them: $(total '^rx') in, of $(witness INPUT 1)" >&2
			same "$1" "$2" "$(changes)"
			fail "$1: datagrams without an end"
		fi
		sleep 0.1
	done
	echo "$1: $2"
}

ethtool -i wg0 2>/dev/null && fail "there is no interface yet"
echo $TARGET_KEY >/run/fixed
create /run/fixed
same "name of the driver" "driver: wireguard" "$(ethtool -i wg0 | head -n 1)"
ethtool -i wg0 | grep -q '^version: [0-9]' || fail "no version"
same "sum of a new interface" 0 "$(total .)"
meet
barrier "session"
ip link set wg0 mtu 1420
[ "$(total '^rx_handshakes$')" -ge 1 ] || fail "no handshake was counted"

while IFS=';' read -r name expected command; do
	counters >/run/before
	barrier "ready: $name"
	barrier "done: $name"
	account "$name" "${expected# }"
done < <(steps)

# The way out.
counters >/run/before
ping -q -c 3 -i 0.2 10.7.0.99 >/dev/null 2>&1 && fail "nobody has 10.7.0.99"
account "to nobody" "tx_no_peer 3"
stranger=$(wg genkey | wg pubkey)
wg set wg0 peer "$stranger" allowed-ips 10.7.0.98/32
counters >/run/before
ping -q -c 5 -i 0.2 10.7.0.98 >/dev/null 2>&1 && fail "10.7.0.98 cannot be reached"
account "to a peer without an endpoint" "tx_no_endpoint 5"
# Nobody answers at this address of the cable's: what waits is 129 packets at most.
wg set wg0 peer "$stranger" endpoint 192.168.7.99:$PORT
before=$(total '^tx_st')
ping -q -c 150 -i 0.002 -W 1 10.7.0.98 >/dev/null 2>&1 && fail "nobody is there"
same "too many waited" 21 "$(total '^tx_staged_full$')"
same "none was stopped yet" "$((before + 21))" "$(total '^tx_st')"
wg set wg0 peer "$stranger" remove
same "all others waited" "$((before + 150))" "$(total '^tx_st')"
# No way: the endpoint is in no network that there is a route to.
# (unless a keepalive of b's comes just now, which says where b is: it owes one at most)
for try in 1 2 3; do
	wg set wg0 peer "$PUBLIC" endpoint 198.51.100.1:$PORT
	counters >/run/before
	ping -q -c 7 -i 0.2 -W 1 "$IN4" >/dev/null 2>&1 || break
	[ $try -lt 3 ] || fail "there is no route"
done
account "without a route" "tx_no_route 7"

barrier quiet
# agree WHAT COMMAND COMMAND: both print the same number. Not at once, if a keepalive or a handshake comes
# after the first and before the second.
agree() {
	local try first second
	for try in 1 2 3 4 5; do
		first=$($2) second=$($3)
		[ "$first" != "$second" ] || return 0
		sleep 0.5
	done
	same "$1" "$first" "$second"
}
agree "datagrams in" "witness INPUT 1" "total ^rx"
agree "datagrams out" "witness OUTPUT 1" "total ^tx_(sent|keepalives|handshakes|cookies)$"
agree "packets into the tunnel" "witness OUTPUT 2" "total ^tx_(sent|bad_protocol|no_|st|lane|socket)"
# The interface's own statistics are made of the same numbers.
statistics() {
	local name sum=0
	for name; do sum=$((sum + $(cat "/sys/class/net/wg0/statistics/$name"))); done
	echo $sum
}
good='^rx_(delivered|keepalives|handshakes|cookies)$'
bad() { counters | awk -v good="$good" '/^rx/ && $1 !~ good { sum += $2 } END { print sum + 0 }'; }
agree "rx_packets" "total $good" "statistics rx_packets"
agree "rx_dropped and rx_errors" bad "statistics rx_dropped rx_errors"
agree "tx_errors" "total ^tx_(bad_protocol|no_peer|no_endpoint)$" "statistics tx_errors"
agree "tx_dropped" "total ^tx_(st|lane|no_memory|no_answer|no_route|handshake_failed)" "statistics tx_dropped"
barrier end
