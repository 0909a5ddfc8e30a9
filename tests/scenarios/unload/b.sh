# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
for round in 1 2 3 4; do
	wg show wg0 peers | while read -r peer; do wg set wg0 peer "$peer" remove; done
	meet
	if [ $round != 4 ]; then
		iperf3 -s -D -I /run/iperf.pid
		iperf3 -s -D -p 5202 -I /run/iperf2.pid
		wait_for 10 sh -c 'ss -tln | grep -q :5202'
		barrier "ready $round"
		barrier "gone $round"
		kill -9 "$(tr -d '\0' </run/iperf.pid)" "$(tr -d '\0' </run/iperf2.pid)"
	fi
done
barrier "ready 4"
barrier end
