# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
meet
iperf3 -s -D
wait_for 10 sh -c 'ss -tln | grep -q :5201'
barrier ready
barrier end
same "receive errors" 0 "$(cat /sys/class/net/wg0/statistics/rx_errors)"
