# SPDX-License-Identifier: GPL-2.0
# The same questions to both modules on one kernel, one after the other. The answers stay with the
# files of the test.
mkdir -p /run/results
# Thousands of devices and peers come and go: grace periods are to be short.
echo 1 >/sys/kernel/rcu_expedited
ask() {
	echo "--- $1"
	/vm/conformance record "/run/results/$1.record" ${GROUPS_ASKED:-}
	timeout -s KILL 20 rmmod wireguard
}
ask ours
modprobe wireguard
ask c
/vm/conformance compare /run/results/{c,ours}.record /vm/intended.toml
