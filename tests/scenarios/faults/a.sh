# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
cd /sys/kernel/debug
[ -e failslab/probability ] || fail "this kernel has no fault injection"
echo 1 >/sys/kernel/rcu_expedited
mkdir -p /run/results

# Allocations that may wait fail as well, and pages of any number.
for kind in failslab fail_page_alloc; do
	echo 0 >$kind/verbose
	echo N >$kind/ignore-gfp-wait
	echo -1 >$kind/times
	echo 0 >$kind/probability
done
echo N >fail_page_alloc/ignore-gfp-highmem
echo 0 >fail_page_alloc/min-order

if [ "$CASE" = configuration ]; then
	{
		echo "| operation | allocations that failed, one a try | what it said |"
		echo "|---|---:|---|"
		fail-nth "${STEP:-1}"
	} | tee /run/results/table
	[ "${PIPESTATUS[0]}" = 0 ]
	exit
fi

# A tunnel between two namespaces.
for n in 1 2; do
	ip netns add f$n
	ip link add wg$n type wireguard
	wg genkey >/run/key$n
	wg set wg$n private-key /run/key$n listen-port $((51990 + n))
done
for n in 1 2; do
	key=$(wg show wg$((3 - n)) public-key)
	wg set wg$n peer "$key" allowed-ips 10.8.0.$((3 - n))/32 endpoint 127.0.0.1:$((51990 + 3 - n))
done
for n in 1 2; do
	ip link set wg$n netns f$n
	ip -n f$n address add 10.8.0.$n/24 dev wg$n
	ip -n f$n link set wg$n up
done
in1() { ip netns exec f1 "$@"; }
in2() { ip netns exec f2 "$@"; }
works() { in1 ping -q -n -c 1 -W 1 10.8.0.2; }
wait_for 20 works
in2 iperf3 -s -D
wait_for 10 sh -c 'ip netns exec f2 ss -tln | grep -q :5201'

# Only what this module asks for fails: an address of it must be in the caller's stack.
read -r base size < <(awk '$1 == "wireguard" { print $6, $2 }' /proc/modules)
start=$((base))
[ "$start" != 0 ] || fail "where does the module lie? $(grep wireguard /proc/modules)"
drops() { { in1 ethtool -S wg1; in2 ethtool -S wg2; } | awk '/memory/ { sum += $2 } END { print sum + 0 }'; }
{
	echo "| what fails | how often | pings answered | TCP in bytes | counted for want of memory |"
	echo "|---|---:|---:|---:|---:|"
} | tee /run/results/table
for kind in failslab fail_page_alloc; do
	echo 32 >$kind/stacktrace-depth
	printf '0x%x' $start >$kind/require-start
	printf '0x%x' $((start + size)) >$kind/require-end
	# (a handshake takes some twenty small allocations, and few pages)
	case $kind in
	failslab) often="1 2 5" ;;
	*) often="2 20 60" ;;
	esac
	for percent in $often; do
		before=$(drops)
		bytes=$(in2 cat /sys/class/net/wg2/statistics/rx_bytes)
		pongs=0 tcp=
		for round in 1 2 3 4; do
			# A new handshake each time. (Setting it up has its own part above, and fails here nearly always.)
			echo $percent >$kind/probability
			ip -n f1 link set wg1 down
			echo 0 >$kind/probability
			ip -n f1 link set wg1 up
			echo $percent >$kind/probability
			if [ -z "$tcp" ]; then
				ip netns exec f1 iperf3 -c 10.8.0.2 -t 12 --connect-timeout 5000 >/dev/null 2>&1 &
				tcp=$!
			fi
			count=$(in1 ping -q -n -c 20 -i 0.05 -W 1 10.8.0.2 | sed -n 's/.* \([0-9]*\) received.*/\1/p' || true)
			pongs=$((pongs + ${count:-0}))
		done
		kill -9 $tcp 2>/dev/null || true
		wait $tcp || true
		echo 0 >$kind/probability
		echo "| $kind | $percent % | $pongs of 80 | $(($(in2 cat /sys/class/net/wg2/statistics/rx_bytes) - bytes)) | $(($(drops) - before)) |" | tee -a /run/results/table
		# It finds back by itself.
		wait_for 30 works
		case "$kind $percent" in
		"failslab 1" | fail_page_alloc*) [ "$pongs" -gt 30 ] || fail "$kind, $percent %: only $pongs pings were answered" ;;
		esac
	done
done
[ "$(drops)" -gt 0 ] || fail "no allocation of ours failed: nothing was tried"
wait_for 20 in1 iperf3 -c 10.8.0.2 -t 2 --connect-timeout 3000
