# SPDX-License-Identifier: GPL-2.0
# Two name spaces, n1 and n2, joined by v1 and v2; a tunnel between them, which n1 starts. The test
# itself is in the file WHAT.
#
# The clock of this machine stands still while a program runs and jumps to the next timer when none
# does: a process takes no time, a sleep of minutes takes none of ours.
. /vm/lib.sh
. /vm/ends.sh

# at N COMMAND...: runs it in name space nN.
at() {
	local n=$1
	shift
	ip netns exec "n$n" "$@"
}

two_ends
introduce 10.7.0.0/24
# A machine that has just started is not what is tested here; and each learns the other's hardware
# address.
sleep 60
at 1 ping -q -n -c 1 192.168.7.2 >/dev/null
if [ -e /sys/kernel/debug/dynamic_debug/control ]; then
	echo 'module wireguard +p' >/sys/kernel/debug/dynamic_debug/control
fi

# log TEXT...: keeps and shows the lines of the kernel log in which the module says one of these.
log() {
	local text
	for text; do dmesg | grep -i "wireguard: wg0.*$text" || true; done >/run/log
	cat /run/log
}
# stamp TEXT NUMBER: the time in the log of the line of that number among those with this text.
stamp() { grep -i "$1" /run/log | sed -n "$2p" | sed 's/^\[ *\([0-9.]*\)\].*/\1/'; }

# What crosses the cable, seen at n1's end: before what the others lose, after what they delay.
ip netns exec n1 tcpdump -U --immediate-mode -s 256 -n -i v1 -Z root -w /run/wire.pcap "udp port $PORT" \
	2>/run/tcpdump.log &
CAPTURE=$!
wait_for 10 grep -q 'listening on' /run/tcpdump.log

# mute N: what nN sends is on the cable and gets lost at its end. heard N: no longer.
for n in 1 2; do at $n tc qdisc add dev v$n ingress; done
mute() {
	local end=$((3 - $1))
	at $end tc filter add dev v$end parent ffff: protocol ip prio 1 u32 match u8 0 0 action drop
}
heard() {
	local end=$((3 - $1))
	at $end tc filter del dev v$end parent ffff: protocol ip prio 1
}
# late_by N TIME, prompt N: what nN sends reaches the cable late, or at once again.
late_by() { at "$1" tc qdisc add dev "v$1" root netem delay "$2"; }
prompt() { at "$1" tc qdisc del dev "v$1" root; }

# send N [COUNT [GAP]]: packets from nN into the tunnel that nobody answers.
send() { at "$1" ping -q -n -c "${2:-1}" -i "${3:-1}" -W 0.01 10.7.0.77 >/dev/null || true; }
# answered: a ping through the tunnel from n1.
answered() { at 1 ping -q -n -c 1 -W 5 10.7.0.2 >/dev/null || fail "a ping got no answer"; }

# wire: ends the capture and writes one line for each message: TIME FROM KIND BYTES INDEX, the time in
# seconds since the first, the index being the receiver's for data.
wire() {
	kill $CAPTURE
	wait $CAPTURE || true
	tcpdump -tt -n -x -Z root -r /run/wire.pcap 2>/dev/null | awk '
		BEGIN { split("initiation response cookie data", names, " ") }
		$2 == "IP" {
			time = $1; from = $3; bytes = $NF
			sub(/\.[0-9]+$/, "", from); sub(/.*\./, "", from)
			if (start == "") start = time
		}
		/^\t0x0010:/ {
			# 4 bytes of addresses from here, 8 of UDP, and the first four of the message.
			name = names[substr($8, 1, 2) + 0]
			if (name == "data" && bytes == 32) name = "keepalive"
		}
		/^\t0x0020:/ { printf "%.3f %d %s %d %s%s\n", time - start, from, name, bytes, $2, $3 }
	' >/run/wire.txt
	# The line to the host is slow when the clock jumps: not all of a long capture.
	tail -n 200 /run/wire.txt >/run/results/wire.txt
}

# times FROM KIND: when these messages were seen, a line each.
times() { awk -v from="$1" -v kind="$2" '$2 == from && $3 == kind { print $1 }' /run/wire.txt; }
# nth NUMBER FROM KIND: the time of one of them.
nth() {
	local time
	time=$(times "$2" "$3" | sed -n "$1p")
	[ -n "$time" ] || fail "there is no $3 number $1 from n$2"
	echo "$time"
}
# count FROM KIND, and between two times: count FROM KIND SINCE UNTIL
count() { times "$1" "$2" | awk -v s="${3:-0}" -v u="${4:-1e9}" '$1 >= s && $1 <= u' | wc -l; }

# How late a timer of so many seconds may be: 100 ticks a second, and the kernel's timer wheel rounds
# the longer ones up to 8, 64, 512 and 4,096 ticks. Two ticks for what comes around it.
late() {
	awk -v s="$1" 'BEGIN {
		t = s * 100; step = t < 63 ? 1 : t < 504 ? 8 : t < 4032 ? 64 : t < 32256 ? 512 : 4096
		print step / 100 + 0.02 }'
}
# between WHAT TIME FIRST LAST: half a tick more or less is no matter, nor is one tick too early: the
# kernel's coarse clock is as old as the last tick.
between() {
	awk -v t="$2" -v a="$3" -v b="$4" 'BEGIN { exit !(t >= a - 0.011 && t <= b + 0.005) }' ||
		fail "$1: after $2 s, not $3 to $4"
	echo "$1: after $2 s, which is in $3 to $4"
}
# after WHAT EARLIER LATER DELAY MORE: LATER must be DELAY to DELAY + MORE seconds after EARLIER.
after() {
	between "$1" "$(awk -v a="$2" -v b="$3" 'BEGIN { print b - a }')" \
		"$4" "$(awk -v d="$4" -v m="$5" 'BEGIN { print d + m }')"
}
# timer WHAT EARLIER LATER DELAY [MORE]: and what the timer wheel adds to that.
timer() {
	after "$1" "$2" "$3" "$4" \
		"$(awk -v m="${5:-0}" -v l="$(late "$(awk -v d="$4" -v m="${5:-0}" 'BEGIN { print d + m }')")" \
			'BEGIN { print m + l }')"
}
# The most that is added by chance to the delay before an initiation: a third of a second, less a tick.
JITTER=0.33

. "/vm/$WHAT.sh"
