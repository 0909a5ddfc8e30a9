# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
meet
ip address add 203.0.113.1/24 dev lo
ip address add 2001:db8::1/128 dev lo nodad
iperf3 -s -D
wait_for 10 sh -c 'ss -tln | grep -q :5201'
barrier ready
barrier end
