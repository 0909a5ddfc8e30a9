# SPDX-License-Identifier: GPL-2.0
# Two name spaces, a tunnel between them, and `wg syncconf` as often as it can while packets pass.
. /vm/lib.sh
TAB=$'\t'

for n in 1 2; do
	ip netns add n$n
	ip -n n$n link set lo up
done
ip link add v1 netns n1 type veth peer name v2 netns n2
for n in 1 2; do
	ip -n n$n address add 192.168.7.$n/24 dev v$n
	ip -n n$n link set v$n up
	ip -n n$n link add wg0 type wireguard
	wg genkey >/run/key$n
	ip netns exec n$n wg set wg0 private-key /run/key$n listen-port 51820
	ip -n n$n address add 10.7.0.$n/24 dev wg0
	ip -n n$n link set wg0 up
done
# Prefixes in an order that is not that of their addresses, and host bits that are cut off.
for n in 1 2; do
	o=$((3 - n))
	ip netns exec n$n wg set wg0 peer "$(wg pubkey </run/key$o)" endpoint 192.168.7.$o:51820 \
		allowed-ips "fd00::/16,10.9.0.0/16,10.7.0.$o/32,10.8.1.1/16,0.0.0.0/0"
done
in1() { ip netns exec n1 "$@"; }
in1 ping -q -c 3 -i 0.2 -W 5 10.7.0.2 >/dev/null
in1 wg showconf wg0 >/run/conf
before=$(in1 wg show wg0 allowed-ips)
same "order" "fd00::/16 10.9.0.0/16 10.7.0.2/32 10.8.0.0/16 0.0.0.0/0" "${before#*"$TAB"}"

echo "--- loaded again, while packets pass"
in1 ping -n -q -i 0.002 -c 2000 -W 5 10.7.0.2 >/run/ping &
ping=$!
times=0
while kill -0 $ping 2>/dev/null; do
	in1 wg syncconf wg0 /run/conf
	times=$((times + 1))
done
wait $ping
tail -n 2 /run/ping
grep -q '2000 packets transmitted, 2000 received, 0% packet loss' /run/ping || fail "packets were lost"
echo "$times times"
[ $times -ge 10 ] || fail "it was hardly loaded again"
same "allowed-ips" "$before" "$(in1 wg show wg0 allowed-ips)"

echo "--- what does change is changed"
peer=$(wg pubkey </run/key2)
try() {
	in1 wg set wg0 peer "$peer" allowed-ips "$1"
	local now
	now=$(in1 wg show wg0 allowed-ips)
	same "allowed-ips of $1" "$2" "${now#*"$TAB"}"
}
# Fewer, more, another order, one of them twice, none, one.
try fd00::/16,10.9.0.0/16 "fd00::/16 10.9.0.0/16"
try fd00::/16,10.9.0.0/16,10.7.0.2/32 "fd00::/16 10.9.0.0/16 10.7.0.2/32"
try 10.7.0.2/32,10.9.0.0/16,fd00::/16 "10.7.0.2/32 10.9.0.0/16 fd00::/16"
# (whatever is said again goes to the end)
try 10.7.0.2/32,10.9.0.0/16,10.7.0.2/32 "10.9.0.0/16 10.7.0.2/32"
try "" "(none)"
try 10.7.0.2/32 "10.7.0.2/32"
in1 ping -q -c 1 -W 5 10.7.0.2 >/dev/null || fail "no packet passes"
in1 ping -q -c 1 -W 1 10.9.0.2 >/dev/null 2>&1 && fail "a prefix that went away still passes"
true
