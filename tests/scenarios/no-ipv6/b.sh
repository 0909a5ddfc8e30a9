# SPDX-License-Identifier: GPL-2.0
# Responds, then speaks first.
. /vm/common.sh
meet
barrier done
same "learned endpoint" "$OUT4:$PORT" "$(wg show wg0 endpoints | cut -f2)"
reach "$IN4"
sockets
