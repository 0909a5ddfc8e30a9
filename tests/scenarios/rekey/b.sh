# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
. /vm/stream.sh
create
meet
iperf3 -s -D
wait_for 10 sh -c 'ss -tln | grep -q :5201'
barrier ready
barrier stream
before=$(own_drops)
lost_before=$(tunnel_drops)
# The stream takes 135 seconds; what it is over, the server knows.
wait_for 60 sh -c 'ss -tn | grep -q ":5201 "'
wait_for 170 sh -c '! ss -tn | grep -q ":5201 "'
put "drops b" $(($(own_drops) - before))
put "tunnel drops b" $(($(tunnel_drops) - lost_before))
barrier end
