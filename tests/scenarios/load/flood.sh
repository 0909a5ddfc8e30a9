# SPDX-License-Identifier: GPL-2.0
# Load: initiations whose mac1 is right, so that each costs a curve operation before it turns out to be
# nonsense, in bursts over the loopback interface that are shorter than the queue (4096).

BURST=3500

# A private key for each machine, and the mac1 under its public key of the initiation below.
case "$MACHINE" in
a)
	KEY=QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=
	MAC1='\x4a\x7d\xf1\xca\xf6\x6a\x68\xbb\x97\xb9\x91\x4e\x63\xc6\x8b\x50'
	;;
b)
	KEY=QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=
	MAC1='\x00\xdd\xf7\x69\x26\x48\xc7\x9d\xf1\x84\x21\x4f\xf0\x94\x24\x02'
	;;
esac
echo $KEY >/run/fixed

zeros() { head -c "$1" /dev/zero; }

# Type 1, sender 0, the ephemeral key 9, nothing that could be opened, mac1, no mac2.
{ printf '\x01' && zeros 7 && printf '\x09' && zeros 107 && printf "$MAC1" && zeros 16; } >/run/one
same "length of an initiation" 148 "$(stat -c %s /run/one)"
xxd -p -c 256 /run/one >/run/one.hex

# (the vm tool's generator: its bursts come faster than any machine takes them)
torrent() {
	while :; do
		flood replay "127.0.0.1:$PORT" --from 127.0.0.1 --count $BURST --file /run/one.hex >/dev/null
		sleep 0.2
	done
}

start_flood() {
	torrent &
	FLOOD=$!
}
stop_flood() {
	kill "$FLOOD"
	wait "$FLOOD" || true
}

# lines DIRECTION TYPE: how many messages of that kind the capture has.
lines() { payloads /run/load.pcap | grep -c "^$1 0${2}000000" || true; }

# with_cookie DIRECTION TYPE: the same, of those that carry a mac2.
with_cookie() {
	payloads /run/load.pcap | grep "^$1 0${2}000000" | grep -vc '00000000000000000000000000000000$' || true
}
some() { [ "$("$@")" -gt 0 ]; }
