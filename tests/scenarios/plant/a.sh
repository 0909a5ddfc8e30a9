# SPDX-License-Identifier: GPL-2.0
# Loads the module once more, with the fault of this case.
. /vm/lib.sh
[ -e /sys/module/wireguard/parameters/plant ] || fail "this module has no faults: build it with PLANT=1"
rmmod wireguard
insmod /vm/wireguard.ko plant="$CASE"
same "fault" "$CASE" "$(cat /sys/module/wireguard/parameters/plant)"
if [ "$CASE" = leak ]; then
	# A block must be seen unreferenced twice, and be a few seconds old. Who made it is asked while the
	# module is there: its functions have no names any more afterwards.
	[ -e /sys/kernel/debug/kmemleak ] || mount -t debugfs none /sys/kernel/debug
	echo scan >/sys/kernel/debug/kmemleak
	sleep 6
	echo scan >/sys/kernel/debug/kmemleak
	grep -m 1 -o 'wg_rs_plant_leak.*' /sys/kernel/debug/kmemleak | sed 's/^/kmemleak: of the planted: /' >/dev/kmsg
fi
