# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh

get a.up >/dev/null
say "   $MACHINE: Linux $(uname -r), WireGuard as the kernel ships it, written in C"
say "      $(dmesg | grep 'wireguard: ' | head -1 | sed 's/^\[ *[0-9.]*\] //')"
put b.up 1

create
iperf3 -s -D
wait_for 20 sh -c 'ss -tln | grep -q :5201'
PUBLIC=$(get a.public)
add_peer "$PUBLIC" ""
put b.public "$(wg show wg0 public-key)"
barrier configured

get a.done >/dev/null
say ""
say "== wg show, on b"
wg show wg0 | while IFS= read -r line; do say "   $line"; done
[ "$(handshake_time)" -gt 0 ] || fail "no handshake"
put b.done 1
