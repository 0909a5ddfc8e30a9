# SPDX-License-Identifier: GPL-2.0
# Ways to keep a machine from its work, and to see that it finds back.

# starve SECONDS: on every processor a loop that no worker, softirqd or application can push aside.
starve() {
	local end=$((EPOCHSECONDS + 1 + $1)) cpu loops=()
	echo -1 >/proc/sys/kernel/sched_rt_runtime_us
	for cpu in /sys/devices/system/cpu/cpu[0-9]*; do
		[ "$(cat "$cpu/online" 2>/dev/null || echo 1)" = 1 ] || continue
		cpu=${cpu##*cpu}
		# (it looks at the clock by itself: nobody else would get to end it)
		taskset -c "$cpu" chrt -f 50 bash -c "while ((EPOCHSECONDS < $end)); do :; done" &
		loops+=($!)
	done
	wait "${loops[@]}"
	echo 950000 >/proc/sys/kernel/sched_rt_runtime_us
}

# hotplug ROUNDS: the last processor goes and comes. Fails if there is none that can.
hotplug() {
	local switch=/sys/devices/system/cpu/cpu1/online round
	[ -w $switch ] || return 1
	for ((round = 0; round < $1; round++)); do
		echo 0 >$switch
		sleep 0.3
		echo 1 >$switch
		sleep 0.3
	done
}

# flowing: bytes come in at wg0 within a second or so. By itself: nobody sends a packet to wake it.
flowing() {
	local before try
	before=$(cat /sys/class/net/wg0/statistics/rx_bytes)
	for try in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.1
		[ $(($(cat /sys/class/net/wg0/statistics/rx_bytes) - before)) -lt 10000 ] || return 0
	done
	return 1
}
