# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
inside() { ip netns exec inner "$@"; }
addresses() {
	"$@" ip address add "$MY_IN4/24" dev wg0
	"$@" ip address add "$MY_IN6/64" dev wg0 nodad
	"$@" ip link set wg0 up
}
create
meet "$OUT4:$PORT"
barrier ready
reach "$IN4" "$IN6"

echo "--- into a name space that has no other interface"
ip netns add inner
ip link set wg0 netns inner
addresses inside
inside ping -q -n -c 2 -i 0.2 -W 5 "$IN4"
inside ping -q -n -c 2 -i 0.2 -W 5 "$IN6"
inside wg show wg0
ss -uan | grep -q ":$PORT " || fail "the socket is not where the interface was born"
if inside ss -uan | grep ":$PORT "; then fail "the socket moved"; fi
if ip link show wg0 2>/dev/null; then fail "the interface is at both places"; fi

echo "--- TCP from there"
inside iperf3 -c "$IN4" -t 1 >/dev/null

echo "--- back again"
inside ip link set wg0 netns 1
addresses
reach "$IN4" "$IN6"

echo "--- the port can change while it is away"
ip link set wg0 netns inner
addresses inside
inside wg set wg0 listen-port 51999
inside ping -q -n -c 2 -i 0.2 -W 5 "$IN4"
ss -uan | grep -q ":51999 " || fail "the new socket is not where the interface was born"

echo "--- the name space goes, and the interface with it"
ip netns del inner
wait_for 10 sh -c '! ss -uan | grep -q ":51999 "'

echo "--- the birth place goes first: the interface stays, and is mute"
ip netns add birth
ip netns add inner
ip -n birth link add wg0 type wireguard
ip -n birth link set wg0 netns inner
inside wg set wg0 private-key /run/key listen-port $PORT peer "$PUBLIC" allowed-ips "$IN4/32,$IN6/128" endpoint "$OUT4:$PORT"
addresses inside
ip netns del birth
sleep 1
inside wg show wg0 || true
if inside ping -q -n -c 1 -W 1 "$IN4"; then fail "packets from a name space that is gone"; fi
ip netns del inner
barrier end
