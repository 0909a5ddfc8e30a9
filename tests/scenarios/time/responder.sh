# SPDX-License-Identifier: GPL-2.0
# n2 did not start the session: it may send for as long as it likes and starts none. n1 has nothing to
# send but the keepalives that 10 seconds without a word call for, and the first of those that finds
# the session 120 seconds old makes n1 start a new one.
answered
send 2 280 0.5
wire
same "initiations of n2" 0 "$(count 2 initiation)"
same "initiations of n1" 2 "$(count 1 initiation)"
timer "new session" "$(nth 1 2 response)" "$(nth 2 1 initiation)" 120 10
last=$(times 1 keepalive | awk -v i="$(nth 2 1 initiation)" '$1 <= i + 0.001' | tail -1)
after "new session after a keepalive" "$last" "$(nth 2 1 initiation)" 0 0.011
