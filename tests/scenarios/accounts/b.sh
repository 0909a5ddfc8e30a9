# SPDX-License-Identifier: GPL-2.0
# A peer, and all who would like to be one.
. /vm/lib.sh
. /vm/hostile.sh
. /vm/steps.sh

# hostile COUNT KIND ARGUMENTS...: datagrams from addresses that are not this machine's.
hostile() {
	local count=$1 kind=$2
	shift 2
	flood "$kind" "$OUT4:$PORT" --from 192.168.7.50 --count "$count" --rate 200 "$@"
}
# inside ARGUMENTS...: pings through the tunnel, which need not be answered.
inside() { ping -q -n -i 0.2 "$@" "$IN4" | grep transmitted || true; }

create
ip address add 10.9.9.9/32 dev wg0
capture /run/session.pcap
meet "$OUT4:$PORT"
reach "$IN4"
stop_capture
payloads /run/session.pcap | grep "^$ME " | cut -d' ' -f2 >/run/mine
grep '^01' /run/mine | head -n 1 >/run/initiation
grep '^04' /run/mine | head -n 1 >/run/data
same "length of the initiation" 296 "$(($(wc -c </run/initiation) - 1))"
INDEX=$((16#$(cut -c 15-16 /run/data)$(cut -c 13-14 /run/data)$(cut -c 11-12 /run/data)$(cut -c 9-10 /run/data)))
valid_initiation >/run/valid-initiation
valid_response >/run/valid-response
# An initiation that is one byte short.
cut -c 1-294 /run/initiation >/run/odd
barrier "session"

while IFS=';' read -r name expected command; do
	barrier "ready: $name"
	# $INDEX is this script's.
	eval "$command"
	barrier "done: $name"
done < <(steps)
barrier quiet
barrier end
