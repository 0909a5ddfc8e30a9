# SPDX-License-Identifier: GPL-2.0
# Rounds of a storm, each of which ends with the removal of the module under full traffic. STORM seconds
# in all (16 by themselves), from the seed SEED (else the clock's).
. /vm/lib.sh
STORM=${STORM:-16} SEED=${SEED:-$(date +%s)}
ROUND=$((STORM < 60 ? 4 : 20))
# An emulated machine that looks at each access needs longer for a handshake alone; and with more packets
# than it can take it does nothing else, so that a round has no end.
export TCP="-P 3" UDP=30M PING=0.01
case "$VEHICLE" in
qemu-*-debug) ROUND=$((ROUND * 2)) TCP="-P 1 -b 500K" UDP=200K PING=0.2 ;;
esac
echo "seed $SEED, $STORM seconds, rounds of $ROUND"
echo 1 >/sys/kernel/rcu_expedited
# Who makes an interface while the module is gone shall not have the kernel load another.
echo /bin/false >/proc/sys/kernel/modprobe

# What the kernel has for itself, in kilobytes, once it has given back what it can.
memory() {
	local cache
	echo 3 >/proc/sys/vm/drop_caches
	# (with that the address sanitizer gives back what it keeps of freed objects, too)
	for cache in /sys/kernel/slab/*/shrink; do
		[ ! -w "$cache" ] || echo 1 >"$cache"
	done
	sleep 1
	awk '/^Slab|^Percpu|^VmallocUsed/ { sum += $2 } END { print sum }' /proc/meminfo
}
# (kmemleak, lockdep and the others write down what they see)
case "$VEHICLE" in
*debug) SLACK=16000 ;;
*) SLACK=8000 ;;
esac

# One of several, by the number that follows: the same in each run of a seed.
RANDOM=$((SEED % 32768))
port() { echo $((51900 + RANDOM % 90)); }

in1() { ip netns exec s1 "$@"; }
in2() { ip netns exec s2 "$@"; }

# start FUNCTION: in the background, in a group of its own, and quiet: in a storm much is refused.
GROUP=()
start() {
	setsid bash -c "$(declare -f in1 in2 port "$1"); RANDOM=$RANDOM; $1" >/dev/null 2>&1 &
	GROUP+=($!)
}
stop_all() {
	local one
	for one in "${GROUP[@]}"; do kill -9 -- "-$one" 2>/dev/null || true; done
	wait "${GROUP[@]}" 2>/dev/null || true
	GROUP=()
}

# remove: takes the module out. A request that is being answered just now holds it, which is the kernel's
# own rule: then once more.
remove() {
	local try said
	for try in {1..100}; do
		said=$(timeout -s KILL 60 rmmod wireguard 2>&1) && return
		[[ $said == *"is in use"* ]] || break
	done
	fail "the module cannot be removed, $try times: $said"
}

make_tunnel() {
	local n
	for n in 1 2; do
		ip netns add s$n
		ip -n s$n link set lo up
		ip link add wg$n type wireguard
		wg genkey >/run/key$n
		wg set wg$n private-key /run/key$n listen-port 5180$n
	done
	for n in 1 2; do
		wg set wg$n peer "$(wg show wg$((3 - n)) public-key)" allowed-ips "10.7.0.$((3 - n))/32,fd10::$((3 - n))/128" \
			endpoint 127.0.0.1:5180$((3 - n)) persistent-keepalive 1
	done
	for n in 1 2; do
		ip link set wg$n netns s$n
		ip -n s$n address add 10.7.0.$n/24 dev wg$n
		ip -n s$n address add fd10::$n/64 dev wg$n nodad
		ip -n s$n link set wg$n up
		ip -n s$n route add 172.16.0.0/16 dev wg$n
	done
	ip link add wgx type wireguard
	ip link set wgx up
}

# Traffic, both ways, on all processors; what breaks begins anew.
serve() { in2 iperf3 -s & in2 iperf3 -s -p 5202 & wait; }
tcp() { while :; do in1 iperf3 -c 10.7.0.2 -t 60 $TCP --bidir --connect-timeout 2000; sleep 0.1; done; }
udp() { while :; do in1 iperf3 -c fd10::2 -p 5202 -u -b $UDP -l 400 -t 60 --connect-timeout 2000; sleep 0.1; done; }
pings() { while :; do in1 ping -q -n -i $PING -c 500 10.7.0.2; sleep 0.1; done; }

# Peers, prefixes, secrets, endpoints, marks of both ends; an interface that gets nonsense as well.
churn1() { while :; do in1 fuzz-netlink wg1 --peaceful --broken 0 --seconds 600 --seed $RANDOM; sleep 0.1; done; }
churn2() { while :; do in2 fuzz-netlink wg2 --peaceful --broken 0 --seconds 600 --seed $RANDOM; sleep 0.1; done; }
churnx() { while :; do fuzz-netlink wgx --broken 40 --seconds 600 --seed $RANDOM; sleep 0.1; done; }
dumps() { while :; do in1 wg show all dump; in2 wg showconf wg2; wg show wgx; done; }

# The keys and ports of the tunnel itself: the other end is told.
rekey() {
	local new old to
	while :; do
		wg genkey >/run/new
		old=$(in1 wg show wg1 public-key) new=$(wg pubkey </run/new) to=$(port)
		in1 wg set wg1 private-key /run/new listen-port "$to"
		in2 wg set wg2 peer "$old" remove peer "$new" allowed-ips 10.7.0.1/32,fd10::1/128 endpoint "127.0.0.1:$to"
		in1 wg set wg1 fwmark $((RANDOM % 3))
		sleep 0.$((RANDOM % 9))
	done
}

# Interfaces and namespaces come and go, some with interfaces inside; those of the tunnel go down and up.
links() {
	local n=0
	while :; do
		n=$((n + 1))
		ip netns add t$n
		ip -batch - <<-B
			link add wgt$n type wireguard
			link set wgt$n mtu $((1280 + RANDOM % 200)) up
			link set wgt$n netns t$n
			link add wgu$n type wireguard
			link set wgu$n up
			link del wgu$n
		B
		ip -n t$n link set wgt$n up
		[ $((RANDOM % 2)) = 0 ] || ip -n t$n link del wgt$n
		ip netns del t$n
	done
}
updown() {
	while :; do
		sleep 0.$((RANDOM % 9))
		ip -n s1 link set wg1 down
		ip -n s1 link set wg1 mtu $((1280 + RANDOM % 140)) up
		ip -n s1 route add 172.16.0.0/16 dev wg1
	done
}
processors() {
	local n
	while :; do
		n=$((1 + RANDOM % 3))
		echo 0 >/sys/devices/system/cpu/cpu$n/online
		sleep 0.$((RANDOM % 5))
		echo 1 >/sys/devices/system/cpu/cpu$n/online
		sleep 0.$((RANDOM % 5))
	done
}
all_processors_on() {
	local cpu
	for cpu in /sys/devices/system/cpu/cpu[1-9]*/online; do
		[ ! -w "$cpu" ] || echo 1 >"$cpu" 2>/dev/null || true
	done
}

WORKERS="serve tcp udp pings churn1 churn2 churnx dumps rekey links updown"
if [ -w /sys/devices/system/cpu/cpu1/online ]; then
	WORKERS+=" processors"
else
	say "SKIPPED: this kernel ($VEHICLE) cannot take a processor away"
fi

first= round=0 end=$((SECONDS + STORM))
# (two at least: memory is compared)
while [ $round -lt 2 ] || [ $SECONDS -lt $end ]; do
	round=$((round + 1))
	make_tunnel
	wait_for 20 in1 ping -q -n -c 1 -W 1 10.7.0.2
	for worker in $WORKERS; do start $worker; done
	sleep $ROUND
	bytes=$(in2 cat /sys/class/net/wg2/statistics/rx_bytes || echo 0)
	peers=$(in1 wg show wg1 peers | wc -l)
	begun=$(date +%s%N)
	remove
	took=$((($(date +%s%N) - begun) / 1000000))
	stop_all
	all_processors_on
	for net in $(ip netns list | cut -d' ' -f1); do ip netns del "$net"; done
	if grep -q "wireguard" /proc/modules; then fail "the module is still there"; fi
	now=$(memory)
	first=${first:-$now}
	echo "round $round: $((bytes / 1024)) KiB came through, $peers peers, removed in $took ms; $now KiB of kernel memory"
	[ "$bytes" -gt 0 ] || fail "nothing came through"
	[ "$now" -lt $((first + SLACK)) ] || fail "kernel memory grew from $first to $now KiB"
	load-module
done
echo "$round rounds; kernel memory after the first $first KiB, after the last $now KiB"
make_tunnel
wait_for 20 in1 ping -q -n -c 1 -W 1 10.7.0.2
