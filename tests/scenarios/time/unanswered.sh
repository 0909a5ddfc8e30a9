# SPDX-License-Identifier: GPL-2.0
# Data that nothing comes back for within 15 seconds makes its sender start a new handshake; keepalives
# do not.
key=$(wg pubkey </run/key2)
answered
mute 2
at 1 wg set wg0 peer "$key" persistent-keepalive 3
sleep 60
at 1 wg set wg0 peer "$key" persistent-keepalive 0
send 1
sleep 4
send 1
sleep 13
wire
same "initiations" 2 "$(count 1 initiation)"
same "initiations of n2" 0 "$(count 2 initiation)"
timer "new handshake" "$(nth 2 1 data)" "$(nth 2 1 initiation)" 15 $JITTER
[ "$(count 1 keepalive)" -ge 15 ] || fail "too few keepalives"
