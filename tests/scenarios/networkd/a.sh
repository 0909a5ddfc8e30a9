# SPDX-License-Identifier: GPL-2.0
# systemd-networkd runs as it does on any machine, under its own user, beside udev and the message bus;
# only the first process is not systemd.
. /vm/lib.sh
. /vm/daemons.sh
writable
udev
bus
umask 077
wg genkey >/run/key
put a.public "$(wg pubkey </run/key)"
PUBLIC=$(get b.public)
SPARE=$(wg genkey | wg pubkey)
DIR=/etc/systemd/network
# Secrets of networkd belong to root and its group.
install -m 640 -g systemd-network /run/key $DIR/key
get psk >/run/psk
install -m 640 -g systemd-network /run/psk $DIR/psk
umask 022
cat >$DIR/50-wg0.netdev <<EOF
[NetDev]
Name=wg0
Kind=wireguard
Description=a tunnel
MTUBytes=1400

[WireGuard]
PrivateKeyFile=$DIR/key
ListenPort=$PORT
FirewallMark=51
RouteTable=main

[WireGuardPeer]
PublicKey=$PUBLIC
PresharedKeyFile=$DIR/psk
AllowedIPs=$IN4/32,$IN6/128
AllowedIPs=203.0.113.0/24
Endpoint=$OUT4:$PORT
PersistentKeepalive=25

[WireGuardPeer]
PublicKey=$SPARE
AllowedIPs=10.200.0.0/16
Endpoint=[$OUT6]:9
EOF
cat >$DIR/50-wg0.network <<EOF
[Match]
Name=wg0

[Network]
Address=$MY_IN4/24
Address=$MY_IN6/64
EOF
install -d -o systemd-network -g systemd-network /run/systemd/netif{,/links,/leases,/lldp}
# The cable stays as the harness made it.
cat >$DIR/10-net0.network <<EOF
[Match]
Name=net0

[Link]
Unmanaged=yes
EOF
SYSTEMD_LOG_TARGET=console /usr/lib/systemd/systemd-networkd >/run/networkd.log 2>&1 &
NETWORKD=$!
trap '[ $? = 0 ] || tail -n 60 /run/networkd.log >&2' EXIT
barrier ready

echo "--- from nothing to a tunnel"
wait_for 60 sh -c 'networkctl --no-pager list wg0 | grep -q "routable *configured"'
networkctl --no-pager list
same "kind" wireguard "$(ip -j -d link show wg0 | sed -n 's/.*"info_kind":"\([a-z]*\)".*/\1/p')"
same "mtu" 1400 "$(cat /sys/class/net/wg0/mtu)"
TAB=$'\t'
same "device" "$(cat /run/key)$TAB$(wg pubkey </run/key)$TAB$PORT${TAB}0x33" "$(wg show wg0 dump | head -1)"
peer() { wg show wg0 dump | grep "^$1" | cut -f2-4,8; }
same "peer" "$(cat /run/psk)$TAB$OUT4:$PORT$TAB$IN4/32,203.0.113.0/24,$IN6/128${TAB}25" \
	"$(peer "$PUBLIC" | sed "s|\($TAB\)\([^$TAB]*\)\(${TAB}25\)|\1$(peer "$PUBLIC" | cut -f3 | tr , '\n' | sort -t. -k1,1 | tr '\n' ',' | sed 's/,$//')\3|")"
same "the other peer" "(none)$TAB[$OUT6]:9${TAB}10.200.0.0/16${TAB}off" "$(peer "$SPARE")"
for route in 203.0.113.0/24 10.200.0.0/16; do
	wait_for 20 sh -c "ip route show table main | grep -q '^$route dev wg0'"
done
reach "$IN4" "$IN6" 203.0.113.1
status=$(networkctl --no-pager status wg0)
grep -q "Kind: wireguard" <<<"$status" || fail "$status"

echo "--- an address more, with networkctl reload"
cat >>$DIR/50-wg0.network <<EOF
Address=10.7.9.9/24
EOF
networkctl reload
wait_for 20 sh -c 'ip address show dev wg0 | grep -q 10.7.9.9/24'
wg set wg0 peer "$PUBLIC" allowed-ips +10.7.9.0/24
reach 10.7.9.1

echo "--- down and up"
networkctl down wg0
wait_for 20 sh -c '! ip link show dev wg0 | grep -q "[<,]UP[,>]"'
networkctl up wg0
wait_for 60 sh -c 'networkctl --no-pager list wg0 | grep -q "routable *configured"'
reach "$IN4" "$IN6"

echo "--- away, and made anew by a restart"
networkctl delete wg0
wait_for 20 sh -c '! ip link show wg0'
kill $NETWORKD
wait $NETWORKD || true
SYSTEMD_LOG_TARGET=console /usr/lib/systemd/systemd-networkd >>/run/networkd.log 2>&1 &
NETWORKD=$!
wait_for 60 sh -c 'networkctl --no-pager list wg0 | grep -q "routable *configured"'
reach "$IN4" "$IN6"

echo "--- a restart with the interface there: it is taken over"
index=$(cat /sys/class/net/wg0/ifindex)
kill $NETWORKD
wait $NETWORKD || true
SYSTEMD_LOG_TARGET=console /usr/lib/systemd/systemd-networkd >>/run/networkd.log 2>&1 &
NETWORKD=$!
wait_for 60 sh -c 'networkctl --no-pager list wg0 | grep -q "routable *configured"'
same "interface index" "$index" "$(cat /sys/class/net/wg0/ifindex)"
reach "$IN4" "$IN6"
kill $NETWORKD
wait $NETWORKD || true
# (Linux 5.10 lets nobody but root ask for the number of a name space; networkd goes on without.)
if grep -i -e "failed" -e "could not" /run/networkd.log | grep -v -e cgroup -e "memory pressure" -e hostname -e "network nsid"; then
	fail "systemd-networkd complains"
fi
barrier end
