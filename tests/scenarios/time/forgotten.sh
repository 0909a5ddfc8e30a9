# SPDX-License-Identifier: GPL-2.0
# The handshake is given up; 540 seconds later what is left of it is zeroed.
mute 1
send 1
sleep 800
wire
same "initiations" 20 "$(count 1 initiation)"
log 'giving up' zeroing
timer "zeroing" "$(stamp 'giving up' 1)" "$(stamp zeroing 1)" 540
