# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose clock counts instructions: how many it takes to configure, dump and remove
# peers, each with an endpoint and an allowed IP, the work of `wg` included. One line for each:
# "NAME INSTRUCTIONS", for one peer.
. /vm/pair.sh
COUNT=${1:-10000}

# costs NAME TIMES COMMAND...: what is left for later (grace periods, work items) counts as well.
costs() {
	local name=$1 times=$2 time i
	shift 2
	sleep 1
	time=$(busy)
	for ((i = 0; i < times; i++)); do "$@"; done
	sleep 3
	echo "$name $((($(busy) - time) / times / COUNT))"
}

dump() { wg show wg0 dump >/run/dump; }

# peers NUMBER
peers() {
	dump
	[ "$(wc -l </run/dump)" = $(($1 + 1)) ]
}

ip link add wg0 type wireguard
ip link set wg0 up
some_peers "$COUNT"
costs configure 1 wg setconf wg0 /run/full
peers "$COUNT"
costs dump 20 dump
costs configure_again 1 wg syncconf wg0 /run/full
costs remove_one_by_one 1 wg syncconf wg0 /run/empty
peers 0
wg setconf wg0 /run/full
peers "$COUNT"
costs remove_all 1 wg setconf wg0 /run/empty
peers 0
wg setconf wg0 /run/full
peers "$COUNT"
costs remove_device 1 ip link del wg0
