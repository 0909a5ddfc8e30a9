# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
. /vm/daemons.sh
writable
udev
bus
umask 077
wg genkey >/run/key
put a.public "$(wg pubkey </run/key)"
PUBLIC=$(get b.public)
PSK=$(get psk)
# Root may do everything without a policy agent; the cable stays as the harness made it.
cat >/etc/NetworkManager/NetworkManager.conf <<EOF
[main]
plugins=keyfile
auth-polkit=false
no-auto-default=*
dns=none
[keyfile]
unmanaged-devices=interface-name:net0
EOF
NetworkManager --no-daemon >/run/nm.log 2>&1 &
MANAGER=$!
trap '[ $? = 0 ] || tail -n 60 /run/nm.log >&2' EXIT
wait_for 90 nmcli -t general status
barrier ready
TAB=$'\t'
peer() { wg show "$1" dump | grep "^$PUBLIC" | cut -f2-4,8; }
state() { nmcli -t -f GENERAL.STATE device show "$1" | cut -d'(' -f2 | tr -d ')'; }

echo "--- a connection made with nmcli; its peers are in the file, as the manual says"
nmcli connection add type wireguard con-name office ifname wg0 autoconnect no \
	wireguard.private-key "$(cat /run/key)" wireguard.listen-port $PORT wireguard.mtu 1390 wireguard.fwmark 7 \
	ipv4.method manual ipv4.addresses "$MY_IN4/24" ipv6.method manual ipv6.addresses "$MY_IN6/64"
file=/etc/NetworkManager/system-connections/office.nmconnection
cat >>$file <<EOF

[wireguard-peer.$PUBLIC]
endpoint=$OUT4:$PORT
preshared-key=$PSK
preshared-key-flags=0
persistent-keepalive=20
allowed-ips=$IN4/32;$IN6/128;203.0.113.0/24;
EOF
nmcli connection load $file
nmcli --wait 60 connection up office
same "state" connected "$(state wg0)"
same "device" "$(cat /run/key)$TAB$(wg pubkey </run/key)$TAB$PORT${TAB}0x7" "$(wg show wg0 dump | head -1)"
same "peer without its addresses" "$PSK$TAB$OUT4:$PORT${TAB}20" "$(peer wg0 | cut -f1,2,4)"
same "allowed addresses" "10.7.0.2/32 203.0.113.0/24 fd10::2/128" "$(peer wg0 | cut -f3 | tr , '\n' | sort | tr '\n' ' ' | sed 's/ $//')"
same "mtu" 1390 "$(cat /sys/class/net/wg0/mtu)"
wait_for 20 sh -c 'ip route show table main | grep -q "^203.0.113.0/24 dev wg0"'
reach "$IN4" "$IN6" 203.0.113.1

echo "--- changed while it is up: reapply keeps the session"
before=$(handshake_time)
nmcli connection modify office wireguard.fwmark 8 +ipv4.addresses 10.7.9.9/24
nmcli device reapply wg0
wait_for 20 sh -c 'ip address show dev wg0 | grep -q 10.7.9.9/24'
same "fwmark" 0x8 "$(wg show wg0 fwmark)"
reach "$IN4"
[ "$(handshake_time)" -ge "$before" ] || fail "no handshake any more"

echo "--- down: the interface goes"
nmcli --wait 60 connection down office
wait_for 20 sh -c '! ip link show wg0'
nmcli connection delete office

echo "--- imported from a file of wg-quick: a full tunnel"
umask 077
cat >/run/wg1.conf <<EOF
[Interface]
PrivateKey = $(cat /run/key)
Address = $MY_IN4/24, $MY_IN6/64

[Peer]
PublicKey = $PUBLIC
PresharedKey = $PSK
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = [$OUT6]:$PORT
EOF
rules4=$(ip rule show) rules6=$(ip -6 rule show)
nmcli connection import type wireguard file /run/wg1.conf
# It comes up by itself.
wait_for 60 sh -c '[ "$(nmcli -t -f GENERAL.STATE device show wg1 | cut -d"(" -f2 | tr -d ")")" = connected ]'
[ "$(wg show wg1 fwmark)" != off ] || fail "no mark for a full tunnel"
for address in 203.0.113.1 198.51.100.1 2001:db8::1; do
	ip route get $address | grep -q "dev wg1" || fail "$(ip route get $address)"
done
ip route get "$OUT4" | grep -q "dev net0" || fail "$(ip route get "$OUT4")"
reach "$IN4" "$IN6" 203.0.113.1
nmcli --wait 60 connection down wg1
wait_for 20 sh -c '! ip link show wg1'
wait_for 20 sh -c "[ \"\$(ip rule show)\" = '$rules4' ] && [ \"\$(ip -6 rule show)\" = '$rules6' ]"

echo "--- an interface that somebody else made is seen and left alone"
create
add_peer "$PUBLIC" "$OUT4:$PORT"
wg set wg0 peer "$PUBLIC" preshared-key <(echo "$PSK")
wait_for 30 sh -c 'nmcli -t -f DEVICE,TYPE,STATE device | grep -q "^wg0:wireguard:connected"'
reach "$IN4" "$IN6"
kill $MANAGER
wait $MANAGER || true
reach "$IN4" "$IN6"
if grep -E '<(warn|error)>.*(wg0|wg1|wireguard)' /run/nm.log; then fail "NetworkManager complains"; fi
barrier end
