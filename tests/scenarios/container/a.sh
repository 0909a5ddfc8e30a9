# SPDX-License-Identifier: GPL-2.0
# A container as runtimes make it: name spaces of its own for users, processes, mounts and the network.
. /vm/lib.sh

# start_container: starts one; $INIT is its first process, as the host sees it. inside COMMAND...
start_container() {
	rm -f /run/ready
	unshare --user --map-root-user --net --pid --fork --mount --mount-proc sh -c ': >/run/ready; exec sleep 1000' &
	CONTAINER=$!
	wait_for 10 test -e /run/ready
	INIT=$(ps -o pid= --ppid "$CONTAINER" | tr -d ' ')
	[ -n "$INIT" ] || INIT=$CONTAINER
}
inside() { nsenter --target "$INIT" --user --net --mount --pid --preserve-credentials "$@"; }
stop_container() {
	kill -9 "$INIT"
	wait "$CONTAINER" || true
}

create
meet "$OUT4:$PORT"
barrier ready
wg set wg0 peer "$PUBLIC" allowed-ips 0.0.0.0/0,::/0
before=$(ip -o link show | wc -l)
start_container
ip link set wg0 netns "$INIT"
same "links outside" $((before - 1)) "$(ip -o link show | wc -l)"

echo "--- the root of the container configures it from here on"
inside ip address add "$MY_IN4/24" dev wg0
inside ip address add "$MY_IN6/64" dev wg0 nodad
inside ip link set wg0 up
inside ip route add default dev wg0
inside ip -6 route add default dev wg0
same "links inside" "lo wg0" "$(inside ip -o link show | cut -d: -f2 | tr -d ' ' | cut -d@ -f1 | tr '\n' ' ' | sed 's/ $//')"
same "peers, seen from inside" "$PUBLIC" "$(inside wg show wg0 peers)"
inside wg set wg0 peer "$PUBLIC" persistent-keepalive 30
# Outside it is not to be seen.
if wg show wg0 2>/dev/null; then fail "wg0 is still outside"; fi

echo "--- all of its traffic goes through the tunnel"
capture /run/wire.pcap not arp
reach_inside() { inside ping -q -n -c 2 -i 0.2 -W 5 "$1" >/dev/null || fail "no answer from $1"; }
for address in "$IN4" "$IN6" 203.0.113.1 2001:db8::1; do reach_inside "$address"; done
inside iperf3 -c 203.0.113.1 -t 1 >/dev/null
# The host's own network is not reachable from inside, except through the tunnel, where nobody has it.
if inside ping -q -n -c 1 -W 1 192.168.7.1 >/dev/null; then fail "the container reaches the host's address"; fi
stop_capture
same "packets beside the tunnel" "" "$(beside /run/wire.pcap "udp port $PORT")"

echo "--- no tunnel, no traffic"
capture /run/wire.pcap not arp
inside wg set wg0 peer "$PUBLIC" remove
if inside ping -q -n -c 1 -W 1 203.0.113.1 2>/dev/null; then fail "an answer without a peer"; fi
inside ip link set wg0 down
if inside ping -q -n -c 1 -W 1 203.0.113.1 2>/dev/null; then fail "an answer without an interface"; fi
stop_capture
same "packets" "" "$(beside /run/wire.pcap)"

echo "--- the container dies: the interface with it, and the port is free"
stop_container
wait_for 20 sh -c "! ss -uanH | grep -q ':$PORT '"
if ip link show wg0 2>/dev/null; then fail "wg0 came back"; fi

echo "--- the next one, with the same key and port"
ip link add wg0 type wireguard
wg set wg0 private-key /run/key listen-port $PORT peer "$PUBLIC" allowed-ips 0.0.0.0/0,::/0 endpoint "[$OUT6]:$PORT"
start_container
ip link set wg0 netns "$INIT" name eth0
inside ip address add "$MY_IN4/24" dev eth0
inside ip link set eth0 up
inside ip route add default dev eth0
reach_inside "$IN4"
reach_inside 203.0.113.1
inside wg show eth0 latest-handshakes
stop_container
barrier end
