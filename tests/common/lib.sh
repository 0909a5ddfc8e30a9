# SPDX-License-Identifier: GPL-2.0
# What the scripts of the scenarios share. Sourced by each, under bash -euo pipefail.
#
# Machines a and b are joined by net0: 192.168.7.1 and fd07::1 at a, .2 and ::2 at b. Inside the
# tunnel they are 10.7.0.1 and fd10::1, 10.7.0.2 and fd10::2. Device wg0, port 51820 at both ends.

# A script that fails says where.
set -E
umask 077
trap 'echo "FAILED: $BASH_SOURCE:$LINENO: $BASH_COMMAND" >&2' ERR

PORT=51820
case "$MACHINE" in
a) ME=1 OTHER=2 PEER=b ;;
b) ME=2 OTHER=1 PEER=a ;;
c) ME=3 OTHER=1 PEER=a ;;
esac
OUT4=192.168.7.$OTHER OUT6=fd07::$OTHER
IN4=10.7.0.$OTHER IN6=fd10::$OTHER
MY_IN4=10.7.0.$ME MY_IN6=fd10::$ME

# fail TEXT: ends the script.
fail() {
	echo "FAILED: $*" >&2
	exit 1
}

# same WHAT EXPECTED FOUND
same() {
	[ "$2" = "$3" ] || fail "$1: expected '$2', found '$3'"
}

# wait_for SECONDS COMMAND...: tries until the command succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || fail "still not so: $*"
		sleep 0.1
	done
}

# make_link NAME: a WireGuard interface; scripts of machines with another implementation define their own.
make_link() { ip link add "$1" type wireguard; }
# public_key: that of wg0.
public_key() { wg show wg0 public-key; }

# create [FILE]: makes wg0 with a key of its own (or that of the file), addresses and routes, up.
create() {
	local key=${1:-/run/key}
	[ -s "$key" ] || wg genkey >"$key"
	make_link wg0
	wg set wg0 private-key "$key" listen-port $PORT
	ip address add "$MY_IN4/24" dev wg0
	ip address add "$MY_IN6/64" dev wg0 nodad
	ip link set wg0 up
}

# meet [ENDPOINT]: swaps public keys with the other machine and adds it as a peer. The endpoint comes
# last, when the other end knows this one: an initiation sent before that is lost, and the next one is
# five seconds away.
MEETINGS=0
meet() {
	put "$MACHINE.public" "$(public_key)"
	PUBLIC=$(get "$PEER.public")
	add_peer "$PUBLIC"
	MEETINGS=$((MEETINGS + 1))
	barrier "met $MEETINGS"
	[ -z "${1:-}" ] || wg set wg0 peer "$PUBLIC" endpoint "$1"
}

# add_peer PUBLIC [ENDPOINT [MORE...]]
add_peer() {
	local key=$1 endpoint=${2:-}
	shift $(($# > 1 ? 2 : 1))
	wg set wg0 peer "$key" allowed-ips "$IN4/32,$IN6/128" ${endpoint:+endpoint "$endpoint"} "$@"
}

# reach ADDRESS...: each answers, if need be after some attempts at a handshake.
reach() {
	local address
	for address; do
		ping -q -n -c 1 -i 0.2 -W 1 "$address" >/dev/null || ping -n -c 3 -i 0.5 -w 20 "$address"
	done
}

# Times and counters of the peer, as numbers.
handshake_time() { wg show wg0 latest-handshakes | cut -f2; }
received() { wg show wg0 transfer | cut -f2; }
sent() { wg show wg0 transfer | cut -f3; }

# capture FILE [FILTER...]: starts writing what passes net0; stop_capture ends it.
capture() {
	local file=$1
	shift
	rm -f "$file"
	tcpdump -U --immediate-mode -n -i net0 -Z root -w "$file" "$@" 2>/run/tcpdump.log &
	CAPTURE=$!
	wait_for 10 grep -q 'listening on' /run/tcpdump.log
}
stop_capture() {
	sleep 0.3
	kill "$CAPTURE"
	wait "$CAPTURE" || true
}

# beside FILE [ALLOWED]: what a capture holds that is neither ALLOWED nor IPv6's own housekeeping. ("icmp6"
# does not look behind a hop-by-hop header, where multicast listener reports are.)
beside() {
	tcpdump -n -Z root -r "$1" "not icmp6 and not (ip6 proto 0 and dst net ff02::/16) ${2:+and not ($2)}" 2>/dev/null
}

# payloads FILE: for each UDP datagram of a capture its direction (source port's host part) and the
# UDP payload as hexadecimal digits, one line each: "1 01000000..."
payloads() {
	tcpdump -n -x -Z root -r "$1" "udp and port $PORT" 2>/dev/null | awk '
		function show() { if (source != "") print source, substr(hex, head * 2 + 1) }
		/ IP6? / {
			show(); hex = ""; six = ($2 == "IP6"); head = six ? 48 : 28
			source = $3; if (six) sub(/\.[0-9]+$/, "", source); else sub(/\.[0-9]+$/, "", source)
			sub(/.*[.:]/, "", source)
		}
		/^\t0x/ { sub(/^\t0x[0-9a-f]+: */, ""); gsub(/ /, ""); hex = hex $0 }
		END { show() }'
}

# iperf ADDRESS ARGUMENTS...: runs a client, keeps its report, and prints the Mbit/s received.
iperf() {
	local address=$1
	shift
	local try
	for try in 1 2 3 4 5 last; do
		iperf3 -c "$address" -f m --connect-timeout 5000 "$@" >/run/iperf.log 2>&1 && break
		# Between two tests the server does not listen for a moment.
		if [ $try = last ] || ! grep -q 'Connection refused' /run/iperf.log; then
			cat /run/iperf.log >&2
			return 1
		fi
		sleep 0.5
	done
	awk '/receiver/ { for (i = 2; i <= NF; i++) if ($i == "Mbits/sec") rate = $(i - 1) }
		END { print rate + 0 }' /run/iperf.log
}

# How long a measurement or a burst of traffic is to last: emulated machines need longer.
case "$VEHICLE" in
uml*) SHORT=1 LONG=3 ;;
*) SHORT=3 LONG=6 ;;
esac
# Mbit/s of datagrams that are more than a tunnel carries. One processor that looks at each access has no
# time for anything else then, scripts among it, for as long as they come: there, some less.
case "$VEHICLE" in
*-debug) MUCH=4 ;;
*) MUCH=200 ;;
esac
