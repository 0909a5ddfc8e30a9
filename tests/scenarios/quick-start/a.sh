# SPDX-License-Identifier: GPL-2.0
# The server.
. /vm/lib.sh
. /vm/page.sh
block ini 1 | sed "s|<the content of private.key>|$(cat /etc/wireguard/private.key)|; s|<its public key>|$other|" >/etc/wireguard/wg0.conf
grep -q "PublicKey = $other" /etc/wireguard/wg0.conf
wg-quick up wg0
barrier "server up"
barrier "tunnel seen"
same "peers" 1 "$(wg show wg0 peers | wc -l)"
before=$(handshake_time)
[ "$before" -gt 0 ] || fail "no handshake"

# One more peer, without a restart.
more=$(wg genkey | wg pubkey)
printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.8.0.3/32\n' "$more" >>/etc/wireguard/wg0.conf
. <(block sh 3)
same "peers with the new one" 2 "$(wg show wg0 peers | wc -l)"
same "the session of the old one" "$before" "$(wg show wg0 latest-handshakes | awk -v key="$other" '$1 == key { print $2 }')"
barrier "peer added"
barrier "still there"
wg-quick down wg0

# In a container: the last block, with a namespace of that name.
ip netns add box
. <(block sh 4 | sed 's/<name or pid>/box/')
ip -n box link show wg0 >/dev/null || fail "the interface did not move"
ip -n box link del wg0
