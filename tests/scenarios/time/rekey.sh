# SPDX-License-Identifier: GPL-2.0
# 250 seconds of pings, ten each second: n1, who started, starts again as soon as a session is 120
# seconds old; n2 never does; nothing is lost.
at 1 ping -q -n -i 0.1 -c 2500 10.7.0.2 >/run/ping.log
wire
grep -q ' 0% packet loss' /run/ping.log || fail "$(tail -2 /run/ping.log)"
same "initiations of n1" 3 "$(count 1 initiation)"
same "responses of n2" 3 "$(count 2 response)"
same "initiations of n2" 0 "$(count 2 initiation)"
for n in 1 2; do
	# The session is as old as its response; the next packet after that time sees it.
	after "session $((n + 1))" "$(nth $n 2 response)" "$(nth $((n + 1)) 1 initiation)" 120 0.12
done
