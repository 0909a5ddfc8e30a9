# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
meet "$OUT4:$PORT"
barrier ready
reach "$IN4" "$IN6"
case "$VEHICLE" in uml*) rate=100M ;; *) rate=10M ;; esac
for address in "$IN4" "$IN6"; do
	echo "TCP to $address: $(iperf "$address" -t $SHORT) Mbit/s"
	echo "TCP from $address: $(iperf "$address" -t $SHORT -R) Mbit/s"
	echo "UDP to $address: $(iperf "$address" -t $SHORT -u -b $rate) Mbit/s"
	grep -E 'sender|receiver' /run/iperf.log
	echo "UDP from $address: $(iperf "$address" -t $SHORT -u -b $rate -R) Mbit/s"
	echo "TCP both ways, 4 streams: $(iperf "$address" -t $SHORT -P 4 --bidir) Mbit/s"
done
ip -s link show wg0
same "receive errors" 0 "$(cat /sys/class/net/wg0/statistics/rx_errors)"
barrier end
