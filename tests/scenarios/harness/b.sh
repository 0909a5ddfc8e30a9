# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
case "$CASE" in
clean)
	[ "$(get message)" = "hello a" ]
	barrier end
	;;
exit) exit 7 ;;
death) busybox poweroff -f ;;
panic) echo c >/proc/sysrq-trigger; sleep 5 ;;
esac
