# SPDX-License-Identifier: GPL-2.0
# It ends with a look at the kernel's log: each peer, keypair and interface that a dynamic-debug line
# says was made must be said to be gone. So the lines must be there.
. /vm/lib.sh
[ -e /sys/kernel/debug/dynamic_debug/control ] || mount -t debugfs none /sys/kernel/debug
echo "module wireguard +p" >/sys/kernel/debug/dynamic_debug/control
for module in nf_conntrack dummy; do modprobe $module; done
case "$CASE" in
own*) script=/vm/own-netns.sh ;;
*) script=/vm/netns.sh ;;
esac
bash $script >/run/netns.log 2>&1 || {
	tail -n 40 /run/netns.log
	fail "netns.sh"
}
dmesg >/run/dmesg
for line in "Interface created" "Keypair .* created" "Peer .* created"; do
	count=$(grep -c "wireguard: .*$line" /run/dmesg) || fail "no line '$line' in the log: the last check checked nothing"
	echo "$count lines '$line'"
done
tail -n 3 /run/netns.log
grep -q "Objects that were created were also destroyed" /run/netns.log || fail "no last check"
