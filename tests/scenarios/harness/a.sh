# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
case "$CASE" in
clean)
	ping -c 1 -W 5 192.168.7.2
	ping -c 1 -W 5 fd07::2
	put message "hello $MACHINE"
	barrier end
	;;
warn) echo "<4>WARNING: CPU: 0 PID: 1 at planted.c:1 by the test" >/dev/kmsg ;;
taint) echo 512 >/proc/sys/kernel/tainted ;;
timeout) sleep 100 ;;
*) barrier never ;;
esac
