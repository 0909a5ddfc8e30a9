# SPDX-License-Identifier: GPL-2.0
# What wg prints and accepts, compared as a whole: an interface that is configured in every way it can
# be, shown in every way, written out, read back, merged and synchronised.
. /vm/lib.sh
TAB=$'\t'
# refused TEXT COMMAND...: fails, and says so with the text.
refused() {
	local text=$1
	shift
	if "$@" >/run/out 2>&1; then fail "accepted: $*"; fi
	grep -q -- "$text" /run/out || fail "$*: expected '$text', it said: $(cat /run/out)"
}

echo "--- genkey, genpsk, pubkey"
for key in device one two three; do
	wg genkey >/run/$key
	wg pubkey </run/$key >/run/$key.public
	grep -qE '^[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=$' /run/$key || fail "genkey: $(cat /run/$key)"
done
wg genpsk >/run/psk
same "psk's length" 44 "$(tr -d '\n' </run/psk | wc -c)"
# RFC 7748, section 6.1: Alice's keys.
same "pubkey" hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo= \
	"$(echo dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo= | wg pubkey)"
DEVICE=$(cat /run/device.public) ONE=$(cat /run/one.public) TWO=$(cat /run/two.public) THREE=$(cat /run/three.public)

echo "--- nothing set"
ip link add wg0 type wireguard
same "dump" "(none)$TAB(none)${TAB}0${TAB}off" "$(wg show wg0 dump)"
same "show" "interface: wg0" "$(wg show wg0)"
same "interfaces" wg0 "$(wg show interfaces)"
for field in private-key public-key; do same $field "(none)" "$(wg show wg0 $field)"; done
same "showconf" "[Interface]" "$(wg showconf wg0)"
refused "No such device" wg show wg9
refused "No such device" wg showconf wg9
refused "No such device" wg set wg9 listen-port 1
refused "" wg set lo listen-port 1
refused "" wg show lo

echo "--- set: every option"
wg set wg0 private-key /run/device listen-port 51820 fwmark 0xca6c
wg set wg0 peer "$ONE" preshared-key /run/psk endpoint 192.0.2.1:1234 persistent-keepalive 25 \
	allowed-ips 10.1.0.0/16,10.1.2.3,fd01::/48 \
	peer "$TWO" endpoint '[2001:db8::2]:65535' allowed-ips 0.0.0.0/0,::/0 \
	peer "$THREE"
same "dump" "\
$(cat /run/device)$TAB$DEVICE${TAB}51820${TAB}0xca6c
$ONE$TAB$(cat /run/psk)${TAB}192.0.2.1:1234${TAB}10.1.0.0/16,10.1.2.3/32,fd01::/48${TAB}0${TAB}0${TAB}0${TAB}25
$TWO$TAB(none)${TAB}[2001:db8::2]:65535${TAB}0.0.0.0/0,::/0${TAB}0${TAB}0${TAB}0${TAB}off
$THREE$TAB(none)$TAB(none)$TAB(none)${TAB}0${TAB}0${TAB}0${TAB}off" "$(wg show wg0 dump)"
same "all dump" "$(wg show wg0 dump | sed "s/^/wg0$TAB/")" "$(wg show all dump)"

echo "--- show: every field"
for pair in "private-key=$(cat /run/device)" "public-key=$DEVICE" "listen-port=51820" "fwmark=0xca6c" \
	"peers=$ONE $TWO $THREE" \
	"preshared-keys=$ONE $(cat /run/psk) $TWO (none) $THREE (none)" \
	"endpoints=$ONE 192.0.2.1:1234 $TWO [2001:db8::2]:65535 $THREE (none)" \
	"allowed-ips=$ONE 10.1.0.0/16 10.1.2.3/32 fd01::/48 $TWO 0.0.0.0/0 ::/0 $THREE (none)" \
	"latest-handshakes=$ONE 0 $TWO 0 $THREE 0" \
	"persistent-keepalive=$ONE 25 $TWO off $THREE off" \
	"transfer=$ONE 0 0 $TWO 0 0 $THREE 0 0"; do
	same "${pair%%=*}" "${pair#*=}" "$(wg show wg0 "${pair%%=*}" | tr '\n\t' '  ' | sed 's/ $//')"
	same "all ${pair%%=*}" "$(wg show wg0 "${pair%%=*}" | sed "s/^/wg0$TAB/")" "$(wg show all "${pair%%=*}")"
done
same "show" "\
interface: wg0
  public key: $DEVICE
  private key: (hidden)
  listening port: 51820
  fwmark: 0xca6c

peer: $ONE
  preshared key: (hidden)
  endpoint: 192.0.2.1:1234
  allowed ips: 10.1.0.0/16, 10.1.2.3/32, fd01::/48
  persistent keepalive: every 25 seconds

peer: $TWO
  endpoint: [2001:db8::2]:65535
  allowed ips: 0.0.0.0/0, ::/0

peer: $THREE
  allowed ips: (none)" "$(wg show)"

echo "--- showconf"
cat >/run/expected <<EOF
[Interface]
ListenPort = 51820
FwMark = 0xca6c
PrivateKey = $(cat /run/device)

[Peer]
PublicKey = $ONE
PresharedKey = $(cat /run/psk)
AllowedIPs = 10.1.0.0/16, 10.1.2.3/32, fd01::/48
Endpoint = 192.0.2.1:1234
PersistentKeepalive = 25

[Peer]
PublicKey = $TWO
AllowedIPs = 0.0.0.0/0, ::/0
Endpoint = [2001:db8::2]:65535

[Peer]
PublicKey = $THREE
EOF
wg showconf wg0 >/run/conf
diff /run/expected /run/conf

echo "--- setconf: what was written makes the same interface, and replaces what was there"
before=$(wg show wg0 dump)
ip link add wg1 type wireguard
wg set wg1 listen-port 4 fwmark 4 peer "$DEVICE" allowed-ips 10.1.0.0/16
ip link set wg0 up
grep -v ListenPort /run/conf >/run/conf1
wg setconf wg1 /run/conf1
ip link del wg0
same "dump" "${before//51820/0}" "$(wg show wg1 dump)"
ip link del wg1
ip link add wg0 type wireguard
wg setconf wg0 /run/conf
same "dump" "$before" "$(wg show wg0 dump)"
refused "Line unrecognized" wg setconf wg0 <(echo "[Interface]"; echo "Port = 7")
same "dump after a wrong file" "$before" "$(wg show wg0 dump)"
# Without these lines they go back to nothing.
wg setconf wg0 <(echo "[Interface]")
same "dump of an empty file" "(none)$TAB(none)${TAB}0${TAB}off" "$(wg show wg0 dump)"
wg setconf wg0 /run/conf

echo "--- addconf: adds, changes, and leaves the others alone"
wg addconf wg0 /dev/stdin <<EOF
[Peer]
PublicKey = $THREE
AllowedIPs = 10.1.0.0/16, 10.3.0.0/24
Endpoint = 192.0.2.3:3
EOF
same "allowed-ips" "$ONE 10.1.2.3/32 fd01::/48 $TWO 0.0.0.0/0 ::/0 $THREE 10.1.0.0/16 10.3.0.0/24" \
	"$(wg show wg0 allowed-ips | tr '\n\t' '  ' | sed 's/ $//')"
same "port" 51820 "$(wg show wg0 listen-port)"

echo "--- allowed-ips: + and -, and a new list"
wg set wg0 peer "$THREE" allowed-ips +10.4.0.0/24,-10.3.0.0/24
same "after + and -" "10.1.0.0/16 10.4.0.0/24" "$(wg show wg0 allowed-ips | sed -n "s|^$THREE$TAB||p")"
wg set wg0 peer "$THREE" allowed-ips -10.99.0.0/24
wg set wg0 peer "$TWO" allowed-ips -10.1.0.0/16
same "not its own" "10.1.0.0/16 10.4.0.0/24" "$(wg show wg0 allowed-ips | sed -n "s|^$THREE$TAB||p")"
wg set wg0 peer "$TWO" allowed-ips -::/0
same "without ::/0" "0.0.0.0/0" "$(wg show wg0 allowed-ips | sed -n "s|^$TWO$TAB||p")"
wg set wg0 peer "$THREE" allowed-ips 10.5.0.0/24
same "a new list" "10.5.0.0/24" "$(wg show wg0 allowed-ips | sed -n "s|^$THREE$TAB||p")"
wg set wg0 peer "$THREE" allowed-ips ""
same "none" "(none)" "$(wg show wg0 allowed-ips | sed -n "s|^$THREE$TAB||p")"

echo "--- values that end things"
: >/run/empty
wg set wg0 fwmark 0 private-key /run/empty peer "$ONE" preshared-key /run/empty persistent-keepalive off
same "dump's head" "(none)$TAB(none)${TAB}51820${TAB}off" "$(wg show wg0 dump | head -1)"
same "psk" "(none)" "$(wg show wg0 preshared-keys | sed -n "s|^$ONE$TAB||p")"
same "keepalive" "off" "$(wg show wg0 persistent-keepalive | sed -n "s|^$ONE$TAB||p")"
wg set wg0 peer "$TWO" remove
same "peers" "$ONE $THREE" "$(wg show wg0 peers | tr '\n' ' ' | sed 's/ $//')"
# One that is not there: gone all the same.
wg set wg0 peer "$TWO" remove
# The device's own key as a peer's: not taken, no error.
wg set wg0 private-key /run/device peer "$DEVICE" allowed-ips 10.9.9.9/32
same "peers" "$ONE $THREE" "$(wg show wg0 peers | tr '\n' ' ' | sed 's/ $//')"
# And a private key whose public key is a peer's takes that peer out.
wg set wg0 private-key /run/three
same "peers" "$ONE" "$(wg show wg0 peers)"

echo "--- syncconf: the file and nothing else; peers that stay keep what they have"
wg setconf wg0 /run/conf
ip address add 10.7.0.1/24 dev wg0
# (before the interface comes up: its keepalive begins a handshake, and the next is five seconds away)
ip address add 192.0.2.9/24 dev lo
ip link set wg0 up
# Something sent, so that a counter shows whether the peer is still the same one.
ip route add 10.1.0.0/16 dev wg0
ping -q -n -c 1 -W 1 10.1.0.1 >/dev/null || true
wait_for 15 sh -c "[ \$(wg show wg0 transfer | head -1 | cut -f3) -ge 148 ]"
cat >/run/sync <<EOF
[Interface]
PrivateKey = $(cat /run/device)
ListenPort = 51820

[Peer]
PublicKey = $ONE
AllowedIPs = 10.1.0.0/16
Endpoint = 192.0.2.1:1234

[Peer]
PublicKey = $DEVICE
AllowedIPs = 10.9.0.0/16
EOF
sed -i "s|$DEVICE|$(wg genkey | tee /run/four | wg pubkey)|" /run/sync
FOUR=$(wg pubkey </run/four)
wg syncconf wg0 /run/sync
same "peers" "$(printf '%s\n' "$ONE" "$FOUR" | sort)" "$(wg show wg0 peers | sort)"
same "fwmark" off "$(wg show wg0 fwmark)"
# wg leaves alone what the file does not mention.
same "psk" "$(cat /run/psk)" "$(wg show wg0 preshared-keys | sed -n "s|^$ONE$TAB||p")"
same "keepalive" 25 "$(wg show wg0 persistent-keepalive | sed -n "s|^$ONE$TAB||p")"
same "allowed-ips" 10.1.0.0/16 "$(wg show wg0 allowed-ips | sed -n "s|^$ONE$TAB||p")"
[ "$(wg show wg0 transfer | sed -n "s|^$ONE$TAB||p" | cut -f2)" -ge 148 ] || fail "syncconf made the peer anew"
wg syncconf wg0 /run/sync
[ "$(wg show wg0 transfer | sed -n "s|^$ONE$TAB||p" | cut -f2)" -ge 148 ] || fail "syncconf made the peer anew"
wg setconf wg0 /run/sync
same "setconf makes it anew" 0 "$(wg show wg0 transfer | sed -n "s|^$ONE$TAB||p" | cut -f2)"

echo "--- an occupied port"
ip link add wg1 type wireguard
ip link set wg1 up
refused "Address already in use" wg set wg1 listen-port 51820
ip link del wg1

echo "--- more than one message: 500 peers, set and shown"
{ base64 -w 42 /dev/urandom || true; } | head -n 500 | while read -r key; do
	echo "[Peer]"
	echo "PublicKey = ${key}A="
	echo "AllowedIPs = 10.$((RANDOM % 256)).$((RANDOM % 256)).0/24, fd00:$((RANDOM % 9999))::/64"
done >/run/many
wg setconf wg0 /run/many
grep PublicKey /run/many | cut -d' ' -f3 >/run/keys
diff /run/keys <(wg show wg0 peers)
wg showconf wg0 >/run/many2
wg syncconf wg0 /run/many2
diff /run/keys <(wg show wg0 peers)
wg setconf wg0 <(echo "[Interface]")
same "peers" "" "$(wg show wg0 peers)"
