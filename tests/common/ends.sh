# SPDX-License-Identifier: GPL-2.0
# Both ends of a tunnel in one machine. Sourced by scenarios and measurements.

# two_ends: name spaces n1 and n2 joined by a cable (v1 with 192.168.7.1, v2 with .2), a wg0 in each
# with 10.7.0.1 and .2, port 51820 and the key /run/key1 and /run/key2. They do not know each other yet.
two_ends() {
	local n
	for n in 1 2; do
		ip netns add n$n
		ip -n n$n link set lo up
	done
	ip link add v1 netns n1 type veth peer name v2 netns n2
	for n in 1 2; do
		ip -n n$n address add 192.168.7.$n/24 dev v$n
		ip -n n$n link set v$n up
		ip -n n$n link add wg0 type wireguard
		wg genkey >/run/key$n
		ip netns exec n$n wg set wg0 private-key /run/key$n listen-port 51820
		ip -n n$n address add 10.7.0.$n/24 dev wg0
		ip -n n$n link set wg0 up
	done
}

# introduce ALLOWED-IPS: each end gets the other as its peer; %OTHER% is the other's number.
introduce() {
	local n o
	for n in 1 2; do
		o=$((3 - n))
		ip netns exec n$n wg set wg0 peer "$(wg pubkey </run/key$o)" \
			allowed-ips "${1//%OTHER%/$o}" endpoint 192.168.7.$o:51820
	done
}
