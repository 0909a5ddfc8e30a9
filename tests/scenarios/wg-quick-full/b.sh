# SPDX-License-Identifier: GPL-2.0
# The server.
. /vm/lib.sh
. /vm/daemons.sh
. /vm/wg-quick.sh
serve
barrier ready
barrier end
wg-quick down wg0
if ip link show wg0 2>/dev/null; then fail "wg0 stayed"; fi
