# SPDX-License-Identifier: GPL-2.0
# Goes to sleep as far as the kernel's own test of it: everybody is told, processes stand still for five
# seconds, and it is over.
. /vm/lib.sh
create
meet "$OUT4:$PORT"
reach "$IN4"
first=$(handshake_time)
[ -w /sys/power/pm_test ] || fail "this kernel cannot test sleeping (CONFIG_PM_DEBUG)"
sleep 1.1
capture /run/wire.pcap "udp[8:4] = 0x01000000"
echo freezer >/sys/power/pm_test
echo freeze >/sys/power/state
echo none >/sys/power/pm_test
# The session would have lived for two more minutes.
reach "$IN4"
second=$(handshake_time)
stop_capture
echo "handshakes at $first and $second"
[ "$second" -gt "$first" ] || fail "the session outlived the sleep"
# (either end may have noticed first)
[ "$(payloads /run/wire.pcap | grep -c '^[12] 01000000')" -ge 1 ] || fail "no initiation was sent"
reach "$IN6"
barrier end
