# SPDX-License-Identifier: GPL-2.0
# The other end, set up by hand.
. /vm/lib.sh
create
wg genpsk >/run/psk
put b.public "$(wg show wg0 public-key)"
put psk "$(cat /run/psk)"
PUBLIC=$(get a.public)
add_peer "$PUBLIC" "" preshared-key /run/psk
wg set wg0 peer "$PUBLIC" allowed-ips +10.7.9.0/24
ip address add 10.7.9.1/24 dev wg0
ip address add 203.0.113.1/24 dev lo
barrier ready
barrier end
