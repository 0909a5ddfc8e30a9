# SPDX-License-Identifier: GPL-2.0
# The road warrior, with one configuration after the other. After each the machine must be as before.
. /vm/lib.sh
. /vm/daemons.sh
. /vm/wg-quick.sh
travel
barrier ready

echo "--- split tunnel"
configuration "10.7.0.0/24, fd10::/64, 203.0.113.0/24, 2001:db8::/32" </dev/null
wg-quick up wg0
same "mtu: the link's less 80" 1420 "$(cat /sys/class/net/wg0/mtu)"
for address in "$IN4" "$IN6" 203.0.113.1 2001:db8::1; do through $address; done
for address in "$OUT4" "$OUT6"; do direct $address; done
reach "$IN4" "$IN6" 203.0.113.1 2001:db8::1
same "fwmark" off "$(wg show wg0 fwmark)"
down

echo "--- over IPv6, with an MTU, a port, a keepalive"
configuration "10.7.0.0/24, fd10::/64" "[$OUT6]:$PORT" <<<$'MTU = 1300\nListenPort = 40000'
echo "PersistentKeepalive = 25" >>$CONF
wg-quick up wg0
same "mtu" 1300 "$(cat /sys/class/net/wg0/mtu)"
same "port" 40000 "$(wg show wg0 listen-port)"
same "keepalive" 25 "$(wg show wg0 persistent-keepalive | cut -f2)"
reach "$IN4" "$IN6"
down

echo "--- two halves instead of a default route: no rules, no mark"
configuration "0.0.0.0/1, 128.0.0.0/1, ::/1, 8000::/1" </dev/null
wg-quick up wg0
same "fwmark" off "$(wg show wg0 fwmark)"
through 203.0.113.1
direct "$OUT4"
reach 203.0.113.1 2001:db8::1
down

echo "--- Table = off, and hooks"
configuration "0.0.0.0/0, ::/0" <<'EOF'
Table = off
PreUp = echo "pre %i" >>/run/hooks
PostUp = echo "post $(wg show %i listen-port | grep -c .)" >>/run/hooks; ip route add 203.0.113.0/24 dev %i
PreDown = ip route del 203.0.113.0/24 dev %i
PostDown = ip link show %i 2>/dev/null || echo "gone" >>/run/hooks
EOF
wg-quick up wg0
same "default routes" "" "$(ip route show table all default)"
reach 203.0.113.1
down
same "hooks" "pre wg0 post 1 gone" "$(tr '\n' ' ' </run/hooks | sed 's/ $//')"

echo "--- Table = 1234"
configuration "203.0.113.0/24, ::/0" <<<"Table = 1234"
wg-quick up wg0
same "table 1234" "203.0.113.0/24 dev wg0 scope link" "$(ip route show table 1234 | sed 's/ *$//')"
down

echo "--- DNS, by way of resolvconf"
configuration "10.7.0.0/24" <<<"DNS = $IN4, $IN6, tunnel.example"
wg-quick up wg0
for line in "nameserver $IN4" "nameserver $IN6" "search tunnel.example"; do
	grep -qx "$line" /etc/resolv.conf || fail "resolv.conf: $(cat /etc/resolv.conf)"
done
wg-quick down wg0
if grep nameserver /etc/resolv.conf; then fail "the name servers stayed"; fi
state >/run/before

echo "--- save, SaveConfig, strip, syncconf"
configuration "10.7.0.0/24" <<<"SaveConfig = true"
wg-quick up wg0
wg set wg0 listen-port 41000 fwmark 77 peer "$SERVER" allowed-ips +10.8.0.0/16 persistent-keepalive 15
wg-quick save wg0
for line in "ListenPort = 41000" "FwMark = 0x4d" "AllowedIPs = 10.7.0.0/24, 10.8.0.0/16" "PersistentKeepalive = 15" \
	"SaveConfig = true" "Address = $MY_IN4/24" "Address = $MY_IN6/64" "PrivateKey = $(cat /run/key)" "PresharedKey = $PSK"; do
	grep -qxF "$line" $CONF || fail "not saved: $line"
done
reach "$IN4"
# It goes down with what it was last, not with what the file said.
wg set wg0 fwmark 0 peer "$SERVER" allowed-ips 10.7.0.0/24,fd10::/64
wg-quick down wg0
grep -qxF "AllowedIPs = 10.7.0.0/24, fd10::/64" $CONF || fail "not saved at the end: $(cat $CONF)"
if grep FwMark $CONF; then fail "a mark that was taken away"; fi
wg-quick up wg0
reach "$IN4" "$IN6"
cat >/run/expected <<EOF
[Interface]
ListenPort = 41000
PrivateKey = $(cat /run/key)

[Peer]
PublicKey = $SERVER
PresharedKey = $PSK
AllowedIPs = 10.7.0.0/24, fd10::/64
Endpoint = $OUT4:$PORT
PersistentKeepalive = 15
EOF
wg-quick strip wg0 | grep . | diff <(grep . /run/expected) -
before=$(received)
sed -i 's/PersistentKeepalive = 15/PersistentKeepalive = 16/' $CONF
wg syncconf wg0 <(wg-quick strip wg0)
same "keepalive" 16 "$(wg show wg0 persistent-keepalive | cut -f2)"
[ "$(received)" -ge "$before" ] || fail "the session is gone"
ping -q -n -c 1 -W 5 "$IN4"

echo "--- up twice, down twice"
if wg-quick up wg0 2>/run/out; then fail "up twice"; fi
grep -q "already exists" /run/out
sed -i '/SaveConfig/d' $CONF
down
if wg-quick down wg0 2>/run/out; then fail "down twice"; fi
grep -q "is not a WireGuard interface" /run/out
barrier end
