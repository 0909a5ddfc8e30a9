# SPDX-License-Identifier: GPL-2.0
# What both measurements of an attack share. Sourced inside a machine with /vm/lib.sh beside it.
#
# Name spaces: n1, the attacker, 192.168.7.1; n2, the target, 192.168.7.2 and 192.168.8.2; n3, an
# honest peer, 192.168.8.3. The addresses 10.66.0.0/16 are the attacker's, too: strangers.
MACHINE=a VEHICLE=none
. /vm/lib.sh
. /vm/hostile.sh

# The target's own network comes last: its end of each cable is named after the other end.
for n in n1 n2 n3; do
	ip netns add $n
	ip -n $n link set lo up
done
ip link add net0 netns n1 type veth peer name n1 netns n2
ip link add net0 netns n3 type veth peer name n3 netns n2
ip -n n1 address add 192.168.7.1/24 dev net0
ip -n n2 address add 192.168.7.2/24 dev n1
ip -n n2 address add 192.168.8.2/24 dev n3
ip -n n3 address add 192.168.8.3/24 dev net0
for end in "n1 net0" "n2 n1" "n2 n3" "n3 net0"; do ip -n ${end% *} link set ${end#* } up; done
ip -n n2 route add 10.66.0.0/16 via 192.168.7.1

for n in n2 n3; do
	if [ $n = n2 ]; then echo $TARGET_KEY; else wg genkey; fi >/run/key.$n
	ip -n $n link add wg0 type wireguard
	ip netns exec $n wg set wg0 private-key /run/key.$n listen-port $PORT
	ip -n $n address add 10.7.0.${n#n}/24 dev wg0
	ip -n $n link set wg0 up
done
ip netns exec n2 wg set wg0 peer "$(wg pubkey </run/key.n3)" allowed-ips 10.7.0.3/32
ip netns exec n3 tcpdump -U --immediate-mode -n -i net0 -Z root -w /run/session.pcap 2>/run/tcpdump.log &
wait_for 20 grep -q 'listening on' /run/tcpdump.log
ip netns exec n3 wg set wg0 peer "$(wg pubkey </run/key.n2)" allowed-ips 10.7.0.2/32 \
	endpoint 192.168.8.2:$PORT
ip netns exec n3 ping -q -n -c 3 -i 0.2 -W 5 10.7.0.2 >/dev/null
sleep 0.3
kill %1
wait || true
payloads /run/session.pcap | sed -n 's/^3 //p' >/run/theirs
grep '^01' /run/theirs | head -n 1 >/run/initiation
grep '^04' /run/theirs | head -n 1 >/run/data
INDEX=$((16#$(cut -c 15-16 /run/data)$(cut -c 13-14 /run/data)$(cut -c 11-12 /run/data)$(cut -c 9-10 /run/data)))
valid_initiation >/run/valid-initiation

# arguments KIND: what the generator is told for it.
arguments() {
	case $1 in
	random) echo random ;;
	bogus-initiation) echo initiation ;;
	valid-mac1) echo replay --file /run/valid-initiation ;;
	bogus-response) echo response ;;
	cookie-reply) echo cookie ;;
	unknown-index) echo data --len 128 ;;
	forged-data) echo data --len 128 --index $INDEX ;;
	replayed-data) echo replay --file /run/data ;;
	replayed-handshake) echo replay --file /run/initiation ;;
	*) fail "no such kind: $1" ;;
	esac
}

# How the generator is started.
LAUNCH=

# attack KIND SOURCES PORT ARGUMENTS...: prints packets sent and milliseconds.
attack() {
	local kind=$1 sources=$2 port=$3 from=192.168.7.1
	shift 3
	[ "$sources" = 1 ] || from=10.66.0.1
	ip netns exec n1 $LAUNCH flood $(arguments "$kind") 192.168.7.2:$port --from $from --sources "$sources" "$@"
}
