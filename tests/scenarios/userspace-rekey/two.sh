# SPDX-License-Identifier: GPL-2.0
# The other implementations' side: wg0 waits for the first packet, wg1 sends it.
. /vm/lib.sh
. /vm/userspace.sh
for i in 0 1; do
	wg genkey >/run/key$i
	make_link wg$i
	wg set wg$i private-key /run/key$i listen-port $((PORT + i))
	ip address add 10.7.$i.$ME/24 dev wg$i
	ip link set wg$i up
	put "$MACHINE.public $i" "$(wg pubkey </run/key$i)"
done
wg set wg0 peer "$(get "a.public 0")" allowed-ips 10.7.0.1/32
barrier met
barrier "we began"
wg set wg1 peer "$(get "a.public 1")" allowed-ips 10.7.1.1/32 endpoint "$OUR4:$((PORT + 1))"
reach 10.7.1.1
barrier "they began"
barrier end
