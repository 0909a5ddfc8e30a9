# SPDX-License-Identifier: GPL-2.0
# The road warrior, all of whose traffic goes through the tunnel.
. /vm/lib.sh
. /vm/daemons.sh
. /vm/wg-quick.sh
travel
barrier ready

# full_tunnel: the check of an interface that takes everything.
full_tunnel() {
	for address in 203.0.113.1 2001:db8::1 198.51.100.7; do through $address; done
	# A route that says more than "default" wins: suppress_prefixlength.
	direct "$OUT4"
	mark=$(wg show wg0 fwmark)
	[ "$mark" != off ] || fail "no fwmark"
	same "table" "default dev wg0 scope link" "$(ip route show table $((mark)) | sed 's/ *$//')"
	same "rule" 1 "$(ip rule show | grep -c "not from all fwmark $mark lookup $((mark))")"
	same "rule for IPv6" 1 "$(ip -6 rule show | grep -c "not from all fwmark $mark lookup $((mark))")"
	same "src_valid_mark" 1 "$(cat /proc/sys/net/ipv4/conf/all/src_valid_mark)"
	capture /run/wire.pcap "not arp and not icmp6[0] >= 133"
	reach 203.0.113.1 2001:db8::1
	iperf 203.0.113.1 -t $SHORT
	stop_capture
	# Nothing but WireGuard on the wire, neighbour discovery apart.
	same "packets beside the tunnel" "" "$(beside /run/wire.pcap "udp port $PORT")"
	[ "$(tcpdump -n -Z root -r /run/wire.pcap "udp port $PORT" 2>/dev/null | wc -l)" -gt 4 ] ||
		fail "nothing in the tunnel"
}

echo "--- full tunnel, with nftables"
# A default route that must not be taken while the tunnel is there.
ip route add default via "$OUT4"
ip -6 route add default via "$OUT6"
state >/run/before
configuration "0.0.0.0/0, ::/0" </dev/null
wg-quick up wg0
nft list table ip wg-quick-wg0 >/dev/null
nft list table ip6 wg-quick-wg0 >/dev/null
full_tunnel
# What does not come through the tunnel must not reach its address.
rules=$(nft list table ip wg-quick-wg0)
grep -q "iifname != \"wg0\" ip daddr $MY_IN4 .*drop" <<<"$rules" || fail "the filter lacks its rule: $rules"
down

echo "--- full tunnel over IPv6, with iptables"
# Where there is no nft, wg-quick takes iptables.
mkdir /run/sbin
ln -s /usr/sbin/* /run/sbin
rm /run/sbin/nft
path=$PATH
PATH=/vm/bin:/usr/bin:/run/sbin
if command -v nft; then fail "nft is still found"; fi
configuration "0.0.0.0/0, ::/0" "[$OUT6]:$PORT" </dev/null
wg-quick up wg0
rules=$(iptables-save)
grep -q "wg-quick(8) rule for wg0" <<<"$rules" || fail "no rule of iptables: $rules"
full_tunnel
wg-quick down wg0
if iptables-save | grep "wg-quick(8) rule"; then fail "wg-quick left its rules"; fi
PATH=$path
# The command of iptables leaves its empty tables.
nft flush ruleset
state >/run/after
diff /run/before /run/after || fail "wg-quick down left something behind"
ip route del default
ip -6 route del default
state >/run/before
barrier end
