# SPDX-License-Identifier: GPL-2.0
# Runs in a machine whose clock counts instructions: what one hostile packet costs the target, less
# what the same packet costs a UDP socket that nobody reads.
#
# At a fixed rate below saturation. Busy time is all time less idle time, as the kernel's own list of
# timers has them; a nanosecond of it is one instruction. One line for each kind and number of sources: "KIND SOURCES INSTRUCTIONS PACKETS".
# Arguments: KIND/SOURCES of those that are wanted; without any, all.
set -euo pipefail
. /vm/common.sh
WANTED=$*

# Bound, and stopped: what comes fills its queue and is dropped from then on.
ip netns exec n2 ncat -u -l 192.168.7.2 9999 >/dev/null &
SINK=$!
until ip netns exec n2 ss -uln | grep -q :9999; do sleep 0.1; done
kill -STOP $SINK

# Busy time so far, in nanoseconds.
busy() {
	awk '/^now at/ { now = $3 } /\.idle_sleeptime/ { idle = $3 } END { printf "%.0f\n", now - idle }' \
		/proc/timer_list
}

# cost KIND SOURCES PORT RATE COUNT: sets TIME.
cost() {
	local time
	time=$(busy)
	attack "$1" "$2" "$3" --rate "$4" --count "$5" >/run/sent
	# What is queued is worked on a little later.
	sleep 1
	TIME=$(($(busy) - time))
	same "packets sent" "$5" "$(cut -d' ' -f1 /run/sent)"
}

# compare KIND SOURCES RATE COUNT
compare() {
	local target
	[[ " ${WANTED:-$1/$2} " == *" $1/$2 "* ]] || return 0
	cost "$1" "$2" $PORT "$3" "$4"
	target=$TIME
	cost "$1" "$2" 9999 "$3" "$4"
	echo "cost $1 $2 $(((target - TIME) / $4)) $4"
}

# The first packets of each fill caches and the sink's queue.
attack random 1 9999 --count 1000 >/dev/null
attack random 1 $PORT --count 1000 >/dev/null
for sources in 1 4096; do
	compare random $sources 20000 20000
	compare bogus-initiation $sources 20000 20000
	compare unknown-index $sources 20000 20000
	compare cookie-reply $sources 20000 20000
done
compare bogus-response 1 20000 20000
compare forged-data 1 10000 20000
compare replayed-data 1 10000 20000
compare valid-mac1 1 200 400
compare replayed-handshake 1 200 400
kill -CONT $SINK
kill $SINK
