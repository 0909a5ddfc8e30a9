# SPDX-License-Identifier: GPL-2.0
# Two name spaces, a tunnel between them, and `wg syncconf` as often as it can while packets pass.
. /vm/lib.sh
. /vm/ends.sh
TAB=$'\t'

two_ends
# Prefixes in an order that is not that of their addresses, and host bits that are cut off.
introduce "fd00::/16,10.9.0.0/16,10.7.0.%OTHER%/32,10.8.1.1/16,0.0.0.0/0"
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
