# SPDX-License-Identifier: GPL-2.0
# Sourced by the measurements: one machine, two name spaces n1 and n2 joined by a cable, and a tunnel
# between them. Busy time, of a machine whose clock counts instructions.
set -euo pipefail
umask 077
. /vm/ends.sh

# pair: makes both ends and has them meet.
pair() {
	two_ends
	introduce 10.7.0.%OTHER%/32
	ip netns exec n1 ping -q -c 3 -i 0.2 -W 5 10.7.0.2 >/dev/null
	ip netns exec n2 iperf3 -s -D
	until ip netns exec n2 ss -tln | grep -q :5201; do sleep 0.1; done
	# From the disk, once.
	ip netns exec n1 iperf3 -c 192.168.7.2 -t 1 -b 1M >/dev/null
}

# Busy time so far, in nanoseconds: instructions. A disk's time is not busy.
busy() {
	awk -F '[: ]+' '
		/^now at / { up = $3 }
		/\.(idle|iowait)_sleeptime/ { idle += $3 }
		END { printf "%.0f\n", up - idle }' /proc/timer_list
}

# some_peers NUMBER: configurations of wg0, /run/full with that many peers and /run/empty without.
some_peers() {
	printf '[Interface]\nPrivateKey = %s\nListenPort = 51820\n' "$(wg genkey)" >/run/empty
	# 252 random bits and four zeroes are as good a public key as any.
	head -c 1M /dev/urandom | base64 -w 42 | awk -v count="$1" '
		NR <= count {
			printf "[Peer]\nPublicKey = %sA=\nEndpoint = 192.0.2.1:%d\n", $1, 1024 + NR
			printf "AllowedIPs = 10.%d.%d.%d/32\n", NR / 65536, NR / 256 % 256, NR % 256
		}' | cat /run/empty - >/run/full
}
