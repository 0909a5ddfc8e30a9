# SPDX-License-Identifier: GPL-2.0
# Answers handshakes; in the first half it is under load.
. /vm/lib.sh
. /vm/flood.sh
create /run/fixed
meet "$OUT4:$PORT"

start_flood
sleep 0.5
barrier "b floods"
barrier "b is calm"
stop_flood
barrier end
