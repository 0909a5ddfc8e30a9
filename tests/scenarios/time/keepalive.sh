# SPDX-License-Identifier: GPL-2.0
# Who has heard data and has said nothing for 10 seconds sends a keepalive: n1 after the reply to its
# ping; n2 after a packet that it has no answer to. Another packet that comes in meanwhile does not put
# it off, and calls for no second one: what n2 sends, be it a keepalive, ends the wait.
answered
sleep 60
send 1
sleep 5
send 1
sleep 60
wire
timer "keepalive of n1" "$(nth 1 2 data)" "$(nth 1 1 keepalive)" 10
timer "keepalive of n2" "$(nth 2 1 data)" "$(nth 1 2 keepalive)" 10
same "keepalives of n1" 1 "$(count 1 keepalive)"
same "keepalives of n2" 1 "$(count 2 keepalive)"
same "initiations" 1 "$(count 1 initiation)"
