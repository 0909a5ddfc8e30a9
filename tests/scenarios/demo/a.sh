# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh

# title TEXT, and indented lines from standard input.
title() { say "" && say "== $*"; }
lines() { while IFS= read -r line; do say "   $line"; done; }
# run COMMAND...: shows it, runs it, shows what it prints.
run() {
	say "   a# $*"
	"$@" 2>&1 | lines
}
title "Two machines, joined by one virtual Ethernet cable"
kind="as the kernel ships it, written in C"
dmesg | grep -q 'wireguard:.* Rust' && kind="from this repository, written in Rust"
say "   $MACHINE: Linux $(uname -r), WireGuard $kind"
dmesg | grep 'wireguard: ' | grep -v -e Copyright -e taint -e verification | sed 's/^\[ *[0-9.]*\]/  /' | lines
put a.up 1
get b.up >/dev/null

title "Configured with nothing but ip and wg"
wg genkey >/run/key
run ip link add wg0 type wireguard
run wg set wg0 private-key /run/key listen-port $PORT
run ip address add "$MY_IN4/24" dev wg0
run ip address add "$MY_IN6/64" dev wg0 nodad
run ip link set wg0 up
put a.public "$(wg show wg0 public-key)"
PUBLIC=$(get b.public)
run wg set wg0 peer "$PUBLIC" endpoint "$OUT4:$PORT" allowed-ips "$IN4/32,$IN6/128"

title "The handshake"
barrier configured
start=$(date +%s%N)
ping -q -n -c 1 -W 5 "$IN4" >/dev/null
say "   first packet there and back, handshake included: $((($(date +%s%N) - start) / 1000000)) ms"
[ "$(handshake_time)" -gt 0 ] || fail "no handshake"
say "   $(wg show wg0 | grep 'latest handshake' | sed 's/^ *//')"

title "Ping through the tunnel"
for address in "$IN4" "$IN6"; do
	ping -n -c 3 -i 0.2 -W 5 "$address" >/run/ping.log
	grep -E 'bytes from' /run/ping.log | lines
	grep -q ' 0% packet loss' /run/ping.log || fail "lost a ping to $address"
done

title "iperf3 through the tunnel (in emulated machines, so look at the direction, not the speed)"
positive() { awk -v rate="$1" 'BEGIN { exit !(rate > 0) }' || fail "nothing arrived"; }
for way in "a to b:" "b to a:-R"; do
	rate=$(iperf "$IN4" -t 2 ${way#*:})
	positive "$rate"
	say "   TCP ${way%:*}: $rate Mbit/s"
done
for way in "a to b:" "b to a:-R"; do
	rate=$(iperf "$IN6" -t 2 -u -b 2M ${way#*:})
	positive "$rate"
	say "   UDP ${way%:*}: $rate Mbit/s of 2 offered, over IPv6"
done

title "wg show, on a"
wg show wg0 | lines
put a.done 1
get b.done >/dev/null
