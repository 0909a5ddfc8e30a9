# SPDX-License-Identifier: GPL-2.0
# What became of the datagrams of a steady stream.

# own_drops: datagrams that this machine's sockets and cards had no room for, which is no tunnel's doing.
own_drops() {
	local sockets cards
	sockets=$(awk '/^Udp:/ && seen++ { print $6 }' /proc/net/snmp)
	sockets=$((sockets + $(awk '$1 == "Udp6RcvbufErrors" { print $2 }' /proc/net/snmp6)))
	cards=$(awk '$1 == "net0:" { print $4 + $5 + $12 + $13 }' /proc/net/dev)
	echo $((sockets + cards))
}

# tunnel_drops: packets that wg0 says it has lost.
tunnel_drops() { awk '$1 == "wg0:" { print $4 + $5 + $12 + $13 }' /proc/net/dev; }

# lost FILE, arrived_late FILE: of the reports of iperf3's receivers, both directions together.
lost() {
	awk '/receiver/ { for (i = 1; i <= NF; i++) if (split($i, n, "/") == 2 && n[2] ~ /^[0-9]+$/) { sum += n[1]; of += n[2] } }
		END { if (!of) exit 1; print sum, of }' "$1"
}
arrived_late() { awk '/out-of-order/ { sum += $(NF - 3) } END { print sum + 0 }' "$1"; }

# A receiver that is kept waiting by a busy machine has room for what comes meanwhile.
echo 8388608 >/proc/sys/net/core/rmem_max
echo 8388608 >/proc/sys/net/core/wmem_max
