# SPDX-License-Identifier: GPL-2.0
# A machine on which WireGuard is a program with a TUN device. Sourced after lib.sh; OTHER_KIND says
# which program. `wg` finds it by its socket in /var/run/wireguard.

[ -c /dev/net/tun ] || modprobe tun
if [ -e /sys/module/wireguard ]; then fail "this machine was to have no WireGuard of its own"; fi
mkdir -p /var/run/wireguard

# boringtun does not hand out its private key, from which wg would make the public one.
public_key() { wg pubkey </run/key; }

make_link() {
	case "$OTHER_KIND" in
	wireguard-go) wireguard-go "$1" 2>/run/"$1".log ;;
	boringtun)
		# A program on a hostfs or in a tar archive may have lost its mode.
		install -m 755 /vm/boringtun-cli /run/boringtun-cli
		# It lives in the background; what it would drop are the rights that roaming to IPv6 needs.
		WG_SUDO=1 /run/boringtun-cli --disable-drop-privileges "$1"
		;;
	*) fail "unknown program $OTHER_KIND" ;;
	esac
	(wait_for 30 ip link show "$1") || {
		cat /run/"$1".log
		fail "$OTHER_KIND did not make $1"
	}
	# (wg removes a socket on which nobody listens yet)
	wait_for 10 sh -c "ss -xln | grep -q /$1.sock"
	[ "$(ip -o link show type wireguard | wc -l)" = 0 ] || fail "$1 is the kernel's"
}
