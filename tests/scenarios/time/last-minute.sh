# SPDX-License-Identifier: GPL-2.0
# n1 has nothing to send. It hears keepalives each second, which call for no answer, until the session
# is 165 seconds old: then it starts a new one, once.
answered
at 2 wg set wg0 peer "$(wg pubkey </run/key1)" persistent-keepalive 1
sleep 180
wire
same "initiations of n2" 0 "$(count 2 initiation)"
same "initiations of n1" 2 "$(count 1 initiation)"
timer "new session" "$(nth 1 2 response)" "$(nth 2 1 initiation)" 165 1.1
