# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh

# keys COUNT: so many public keys, each another one. (What a number means as a curve point matters to
# nobody here; base64 of 32 bytes whose first four count up.)
keys() {
	awk -v count="$1" 'BEGIN {
		digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
		for (n = 1; n <= count; n++) {
			key = ""
			for (shift = 0; shift < 4; shift++) key = key substr(digits, int(n / 64 ^ shift) % 64 + 1, 1)
			print key "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBA="
		}
	}'
}

# timed WHAT COMMAND...
timed() {
	local what=$1 start
	shift
	start=$(date +%s%N)
	"$@"
	echo "$what: $((($(date +%s%N) - start) / 1000000)) ms"
}

free_memory() { awk '/^Slab|^VmallocUsed|^Percpu/ { sum += $2 } END { print sum }' /proc/meminfo; }

# A key exchange for each peer: an emulated machine takes as long for some as others for all.
case "$VEHICLE" in
uml*) PEERS=20000 ;;
*) PEERS=2000 ;;
esac

ip link add wg0 type wireguard
wg genkey >/run/key
wg set wg0 private-key /run/key
ip link set wg0 up

echo "--- $PEERS peers"
keys $PEERS >/run/keys
same "different keys" $PEERS "$(sort -u /run/keys | wc -l)"
{
	printf '[Interface]\nPrivateKey = %s\n' "$(cat /run/key)"
	awk '{ printf "[Peer]\nPublicKey = %s\nAllowedIPs = 10.%d.%d.%d/32, fd00::%x/128\nPersistentKeepalive = 0\n",
		$1, int(NR / 65536), int(NR / 256) % 256, NR % 256, NR }' /run/keys
} >/run/conf
before=$(free_memory)
timed set wg setconf wg0 /run/conf
echo "kernel memory: $((($(free_memory) - before) * 1024 / PEERS)) bytes a peer"
timed dump sh -c "wg show wg0 dump >/run/dump"
same "lines" $((PEERS + 1)) "$(wc -l </run/dump)"
# In the order of their making, each with its own addresses.
awk 'NR == FNR { key[FNR] = $1; next }
	FNR > 1 && ($1 != key[FNR - 1] ||
		$4 != sprintf("10.%d.%d.%d/32,fd00::%x/128", int((FNR - 1) / 65536), int((FNR - 1) / 256) % 256, (FNR - 1) % 256, FNR - 1)) {
		print "line " FNR ": " $0; bad = 1; exit 1
	}' /run/keys /run/dump || fail "the dump is not what was set"
# Half of them go, one by one; the others stay as they are.
awk 'NR % 2 == 0' /run/keys >/run/left
timed "remove every second" sh -c 'awk "NR % 2 { print \"peer\", \$1, \"remove\" }" /run/keys | xargs -n 3000 wg set wg0'
wg show wg0 peers >/run/peers
cmp /run/left /run/peers || fail "others than the removed are gone"
timed "remove all" wg set wg0 private-key /run/key peer "$(head -1 /run/left)" remove
timed "replace all" sh -c 'printf "[Interface]\n" >/run/none && wg setconf wg0 /run/none'
same "peers left" 0 "$(wg show wg0 peers | wc -l)"

echo "--- 130,560 prefixes of one peer"
one=$(head -1 /run/keys)
{
	printf '[Interface]\n[Peer]\nPublicKey = %s\n' "$one"
	awk 'BEGIN { for (a = 0; a < 255; a++) for (b = 0; b < 256; b++) { printf "AllowedIPs = 10.%d.%d.0/24\n", a, b; printf "AllowedIPs = fd%02x:%02x::/32\n", a, b } }'
} >/run/conf
timed set wg setconf wg0 /run/conf
timed dump sh -c 'wg show wg0 allowed-ips >/run/dump'
same "words" 130561 "$(wc -w </run/dump)"
same "different prefixes" 130560 "$(cut -f2 /run/dump | tr ' ' '\n' | sort -u | wc -l)"
timed remove wg set wg0 peer "$one" allowed-ips ""
same "prefixes left" "$one	(none)" "$(wg show wg0 allowed-ips)"

echo "--- 40 peers of 52 prefixes"
head -40 /run/keys >/run/keys40
{
	echo '[Interface]'
	awk '{ printf "[Peer]\nPublicKey = %s\n", $1; for (n = 0; n < 26; n++) printf "AllowedIPs = 10.%d.%d.0/24\nAllowedIPs = fd00:%x:%x::/48\n", NR, n, NR, n }' /run/keys40
} >/run/conf
wg setconf wg0 /run/conf
same "lines of 53 words" 40 "$(wg show wg0 allowed-ips | awk 'NF == 53' | wc -l)"
wg showconf wg0 >/run/shown
same "AllowedIPs shown" 40 "$(grep -c AllowedIPs /run/shown)"
ip link del wg0
