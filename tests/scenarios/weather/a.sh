# SPDX-License-Identifier: GPL-2.0
# Two namespaces with a cable between them, on which the weather is, and a tunnel over it.
. /vm/lib.sh
mkdir -p /run/results
ip netns add f1
ip netns add f2
ip link add c1 netns f1 type veth peer name c2 netns f2
for n in 1 2; do
	ip -n f$n address add 192.168.8.$n/24 dev c$n
	ip -n f$n link set c$n up
	ip -n f$n link add wg$n type wireguard
	wg genkey >/run/key$n
	ip netns exec f$n wg set wg$n private-key /run/key$n listen-port $PORT
done
for n in 1 2; do
	key=$(wg pubkey </run/key$((3 - n)))
	ip netns exec f$n wg set wg$n peer "$key" allowed-ips 10.8.0.$((3 - n))/32 endpoint 192.168.8.$((3 - n)):$PORT
	ip -n f$n address add 10.8.0.$n/24 dev wg$n
	ip -n f$n link set wg$n up
done
in1() { ip netns exec f1 "$@"; }
in2() { ip netns exec f2 "$@"; }
works() { in1 ping -q -n -c 1 -W 1 10.8.0.2; }
restart() { ip -n f1 link set wg1 down; ip -n f1 link set wg1 up; }
handshakes() { in1 ethtool -S wg1 | awk '/handshakes/ { sum += $2 } END { print sum + 0 }'; }
wait_for 20 works

clock() {
	local say=$1 to=$2
	date -s "$to" >/dev/null
	[ "$(in1 ping -q -n -c 20 -i 0.05 -W 2 10.8.0.2 | sed -n 's/.* \([0-9]*\) received.*/\1/p')" = 20 ] ||
		fail "$say: the session did not go on"
	echo "$say: the session goes on"
}
if [ "$CASE" = clock ]; then
	now=$(date +%s)
	clock "ten years ahead" "@$((now + 315360000))"
	restart
	wait_for 20 works
	echo "ten years ahead: a new handshake"
	clock "twenty years back" "@$((now - 315360000))"
	# A peer that knows a later initiation takes no earlier one, which is the protocol's own protection
	# against replays: it answers again once it forgets, or the other end begins.
	restart
	if in1 ping -q -n -c 2 -W 1 10.8.0.2; then fail "an initiation from before the last one was answered"; fi
	in2 ethtool -S wg2 | awk '$1 == "rx_replayed_handshake:" && $2 > 0 { found = 1 } END { exit !found }' || fail "it was not counted"
	key=$(wg pubkey </run/key1)
	in2 wg set wg2 peer "$key" remove
	in2 wg set wg2 peer "$key" allowed-ips 10.8.0.1/32 endpoint 192.168.8.1:$PORT
	wait_for 30 works
	echo "twenty years back: refused and counted, and a new handshake with a peer that is new"
	clock "and as it was" "@$now"
	restart
	wait_for 20 works
	exit
fi

# (half of all round trips are lost at 30 %: TCP needs minutes for more)
SIZE=$((16 * 1024))
head -c $SIZE /dev/urandom >/run/file
sum=$(sha256sum </run/file)
{
	echo "| weather, both ways | pings answered | $((SIZE / 1024)) KiB by TCP | new handshake |"
	echo "|---|---:|---:|---:|"
} | tee /run/results/table
while read -r weather; do
	# (a discipline that is only replaced keeps what the new one does not mention)
	for n in 1 2; do
		ip netns exec f$n tc qdisc del dev c$n root 2>/dev/null || true
		ip netns exec f$n tc qdisc add dev c$n root netem $weather limit 2000
	done
	start=$(date +%s%N)
	restart
	wait_for 90 works
	hand=$((($(date +%s%N) - start) / 1000000))
	pongs=$(in1 ping -q -n -c 50 -i 0.05 -W 2 10.8.0.2 | sed -n 's/.* \([0-9]*\) received.*/\1/p' || true)
	in2 ncat -l -p 99 --recv-only </dev/null >/run/got &
	server=$!
	wait_for 10 sh -c 'ip netns exec f2 ss -tln | grep -q :99'
	start=$(date +%s%N)
	timeout 400 ip netns exec f1 ncat --send-only -w 60 10.8.0.2 99 </run/file || fail "$weather: TCP did not complete"
	wait $server
	took=$((($(date +%s%N) - start) / 1000000))
	same "$weather: what arrived" "$sum" "$(sha256sum </run/got)"
	echo "| $weather | $pongs of 50 | $took ms | $hand ms |" | tee -a /run/results/table
	[ "$pongs" -gt 5 ] || fail "$weather: hardly a ping was answered"
done <<-W
	delay 0ms
	loss 10%
	loss 30%
	duplicate 30%
	delay 20ms reorder 30%
	corrupt 30%
	delay 100ms 50ms
	delay 10ms 5ms loss 10% duplicate 10% corrupt 10% reorder 10%
W
