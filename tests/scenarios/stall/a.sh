# SPDX-License-Identifier: GPL-2.0
# Is hindered in its work while both ends send as much as they can.
. /vm/lib.sh
. /vm/hinder.sh
create
meet "$OUT4:$PORT"
barrier ready
reach "$IN4" "$IN6"
# One processor that looks at each access has no time for anything else as long as TCP is not held back.
case "$VEHICLE" in
*-debug) brake="-b 500K" ;;
*) brake= ;;
esac
iperf3 -c "$IN4" -t 1200 -P 2 --bidir $brake >/dev/null 2>&1 &
tcp=$!
iperf3 -c "$IN6" -p 5202 -t 1200 -u -b $((MUCH * 250))K -l 200 --bidir >/dev/null 2>&1 &
udp=$!
wait_for 20 flowing
for round in 1 2 3; do
	starve 2
	wait_for 10 flowing
	echo "starved for 2 seconds, round $round: traffic goes on"
done
if hotplug 0; then
	# Both at once: work that waits for a processor which goes away meanwhile.
	for round in 1 2 3; do
		hotplug 4
		wait_for 10 flowing
		echo 0 >/sys/devices/system/cpu/cpu1/online
		starve 1
		wait_for 10 flowing
		echo 1 >/sys/devices/system/cpu/cpu1/online
		wait_for 10 flowing
		echo "processors came and went, round $round: traffic goes on"
	done
else
	say "SKIPPED: this kernel ($VEHICLE) cannot take a processor away"
fi
kill -9 $tcp $udp
wait $tcp $udp || true
# Nothing is left in any queue: what is sent now arrives at once.
reach "$IN4" "$IN6"
barrier end
