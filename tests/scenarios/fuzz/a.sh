# SPDX-License-Identifier: GPL-2.0
# COUNT messages (20,000 by themselves), from the seed SEED (else the clock's).
. /vm/lib.sh
COUNT=${COUNT:-20000} SEED=${SEED:-$(date +%s%N)}
# Thousands of peers come and go: grace periods are to be short.
echo 1 >/sys/kernel/rcu_expedited

hex() { base64 -d | xxd -p -c 64; }

# A tunnel between two namespaces; the outer side is this one's loopback.
make_pair() {
	local n key
	for n in 1 2; do
		ip netns add f$n
		ip link add wgt$n type wireguard
		wg genkey >/run/key$n
		wg set wgt$n private-key /run/key$n listen-port $((51990 + n))
	done
	for n in 1 2; do
		key=$(wg show wgt$((3 - n)) public-key)
		wg set wgt$n peer "$key" allowed-ips 10.8.0.$((3 - n))/32 endpoint 127.0.0.1:$((51990 + 3 - n)) persistent-keepalive 1
	done
	for n in 1 2; do
		ip link set wgt$n netns f$n
		ip -n f$n address add 10.8.0.$n/24 dev wgt$n
		ip -n f$n link set wgt$n up
	done
}
works() { ip netns exec f1 ping -q -n -c 3 -i 0.2 -w 10 10.8.0.2; }

make_pair
works
case "$CASE" in
netlink)
	for link in wgf0 wgf1; do
		ip link add $link type wireguard
		ip link set $link up
	done
	# Somebody wants to reach the peers meanwhile.
	ip route add 172.16.0.0/16 dev wgf0
	ip route add fd99::/16 dev wgf1
	ping -q -n -i 0.05 172.16.1.1 >/dev/null 2>&1 &
	pings=$!
	for half in 1 2; do
		fuzz-netlink wgf0 wgf1 --count $((COUNT / 2)) --seed $((SEED + half)) >/run/fuzz.$half 2>&1 &
		eval "fuzz$half=$!"
	done
	wait "$fuzz1" || { cat /run/fuzz.1; fail "the first fuzzer"; }
	wait "$fuzz2" || { cat /run/fuzz.2; fail "the second fuzzer"; }
	cat /run/fuzz.1 /run/fuzz.2
	kill $pings
	wait $pings || true
	echo "$(wg show wgf0 peers | wc -l) and $(wg show wgf1 peers | wc -l) peers in the end"
	;;
packets)
	create
	wg genkey >/run/rogue
	wg set wg0 peer "$(wg pubkey </run/rogue)" allowed-ips 10.7.0.9/32,fd10::9/128
	hex </run/rogue >/run/rogue.hex
	fuzz-packets 127.0.0.1:$PORT --private /run/rogue.hex --public "$(public_key | hex)" --count "$COUNT" --seed "$SEED"
	ethtool -S wg0 | awk '$2 > 0'
	;;
esac
works
mkdir -p /run/results
{ cat /run/fuzz.[12] 2>/dev/null || true; } >/run/results/summary
