# SPDX-License-Identifier: GPL-2.0
# What b does to a, and what a must have counted for it: one line for each step.
# NAME; COUNTERS AND THEIR CHANGES; COMMAND ON b
#
# The numbers differ from one another, so that no counter can stand in for another.
steps() {
	cat <<'END'
nothing known; rx_malformed 101; hostile 101 random
too short; rx_malformed 53; hostile 53 random --len 7
an odd length; rx_malformed 31; hostile 31 replay --file /run/odd
initiations for others; rx_bad_mac1 211; hostile 211 initiation --sources 50
responses for others; rx_bad_handshake 103; hostile 103 response
data for nobody; rx_unknown_index 307; hostile 307 data --sources 300
cookies for nobody; rx_bad_cookie 97; hostile 97 cookie
initiations of nobody; rx_bad_handshake 61; hostile 61 replay --file /run/valid-initiation
responses to nothing; rx_bad_handshake 59; hostile 59 replay --file /run/valid-response
forged data; rx_bad_tag 83; hostile 83 data --index $INDEX --len 96
replayed data; rx_replayed 41; hostile 41 replay --file /run/data
a replayed initiation; rx_replayed_handshake 37; hostile 37 replay --file /run/initiation
a stranger inside; rx_unallowed_source 3; inside -c 3 -W 1 -I 10.9.9.9
pings; rx_delivered 23 tx_sent 23; inside -c 23
END
}
