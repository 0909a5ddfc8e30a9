# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
meet
iperf3 -s -D
iperf3 -s -D -p 5202
wait_for 10 sh -c 'ss -tln | grep -q :5202'
barrier ready
barrier end
