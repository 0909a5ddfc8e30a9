#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# First program of the guest: loads WireGuard by name, as a user's machine does, runs a tunnel between
# two namespaces with wg-quick, and says whose module it was. Kernel parameter `expect=rust|stock`.
set -uo pipefail
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8

end() {
	echo "GUEST $1"
	# A trace of a kernel that is not tainted is older than our module: on a busy machine the emulated
	# clock jumps at boot, and RCU complains of it.
	dmesg --level=emerg,alert,crit,err,warn | grep -iE 'wireguard|BUG|WARNING|Oops|taint' | grep -v 'Not tainted' | sed 's/^/GUEST-LOG /'
	sync
	echo b >/proc/sysrq-trigger
	sleep 60
}

fail() {
	dmesg | tail -n 20
	end "FAILED: $1"
}

mount -t proc proc /proc 2>/dev/null
mount -t sysfs sys /sys 2>/dev/null
mount -t tmpfs tmp /tmp
mount -t tmpfs run /run
mount -t devtmpfs dev /dev 2>/dev/null
[[ -e /dev/fd ]] || ln -s /proc/self/fd /dev/fd
# /proc/sys must be writable for wg-quick and sysrq.
expect=$(sed 's/.*expect=\([a-z]*\).*/\1/' /proc/cmdline)
echo "GUEST running $(uname -r), expecting the $expect module"

tunnel() {
	local dir=/tmp/wg
	mkdir -p "$dir"
	umask 077
	wg genkey >"$dir/a"
	wg genkey >"$dir/b"
	ip link set lo up
	ip netns add b && ip -n b link set lo up || return 1
	ip link add veth0 type veth peer name veth1 netns b
	ip address add 192.0.2.1/24 dev veth0 && ip link set veth0 up
	ip -n b address add 192.0.2.2/24 dev veth1 && ip -n b link set veth1 up
	cat >"$dir/wg0.conf" <<-C
		[Interface]
		Address = 10.8.0.1/24, fd08::1/64
		ListenPort = 51820
		PrivateKey = $(<"$dir/a")
		[Peer]
		PublicKey = $(wg pubkey <"$dir/b")
		AllowedIPs = 10.8.0.2/32, fd08::2/128
	C
	cat >"$dir/wg1.conf" <<-C
		[Interface]
		Address = 10.8.0.2/24, fd08::2/64
		PrivateKey = $(<"$dir/b")
		[Peer]
		PublicKey = $(wg pubkey <"$dir/a")
		Endpoint = 192.0.2.1:51820
		AllowedIPs = 10.8.0.0/24, fd08::/64
	C
	wg-quick up "$dir/wg0.conf" && ip netns exec b wg-quick up "$dir/wg1.conf" || return 1
	ip netns exec b ping -c 3 -W 5 10.8.0.1 && ip netns exec b ping -6 -c 3 -W 5 fd08::1 || return 1
	[[ $(wg show wg0 latest-handshakes | cut -f2) != 0 ]] || return 1
	wg-quick down "$dir/wg0.conf" && ip netns exec b wg-quick down "$dir/wg1.conf"
}

modprobe veth || fail "no veth"
modprobe wireguard || fail "modprobe wireguard"
whose=stock
[[ $(modinfo -F implementation wireguard) == rust ]] && whose=rust
[[ $whose == "$expect" ]] || fail "modprobe took the $whose module: $(modinfo -n wireguard)"
# What is loaded, not only what lies there: the version differs.
loaded=$(cat /sys/module/wireguard/version)
case $whose in
rust) [[ $loaded == *-rust* ]] || fail "loaded is $loaded" ;;
stock) [[ $loaded != *-rust* ]] || fail "loaded is $loaded" ;;
esac
tunnel || fail "the tunnel"
modprobe -r wireguard || fail "modprobe -r"
end "PASSED: $whose, version $loaded, from $(modinfo -n wireguard)"
