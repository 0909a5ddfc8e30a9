# SPDX-License-Identifier: GPL-2.0
# What b sends to a in one session, and what a must make of it, one line for each burst:
# NAME; REPLIES; CHANGES OF rx_packets rx_errors rx_length_errors rx_frame_errors; PACKETS
# PACKETS are "COUNTER PLAINTEXT" in shell words; several are divided by slashes.

# checksum HEX: the Internet checksum of an even number of bytes.
checksum() {
	local hex=$1 sum=0
	while [ -n "$hex" ]; do
		sum=$((sum + 16#${hex:0:4}))
		hex=${hex:4}
	done
	while ((sum >> 16)); do sum=$(((sum & 65535) + (sum >> 16))); done
	printf '%04x' $((sum ^ 65535))
}

# ip4 SOURCE DESTINATION TOTAL_LENGTH: a header of protocol 1 with these addresses (as digits).
ip4() {
	local head tail=$1$2
	head=$(printf '4500%04x00004000%s' "$3" 4001)
	echo "$head$(checksum "${head}0000$tail")$tail"
}

B4=0a070002 A4=0a070001
B6=fd100000000000000000000000000002 A6=fd100000000000000000000000000001
# Echo requests with eight bytes: type, code, checksum, identifier, number.
ECHO=0800$(checksum 08000000123400010123456789abcdef)123400010123456789abcdef
ECHO4=$(ip4 $B4 $A4 36)$ECHO
# IPv6: the checksum covers both addresses, the length and the protocol.
REST6=123400010123456789abcdef
ECHO6=6000000000103a40$B6${A6}8000$(checksum $B6${A6}000000100000003a80000000$REST6)$REST6
zeros() { printf '%0*d' $((2 * $1)) 0; }

steps() {
	cat <<END
keepalive; 0; 1 0 0 0; 0 -
echo; 1; 1 0 0 0; 1 $ECHO4
padded to 16; 1; 1 0 0 0; 2 $ECHO4$(zeros 12)
much padding; 1; 1 0 0 0; 3 $ECHO4$(zeros 1000)
IPv6; 1; 1 0 0 0; 4 $ECHO6$(zeros 8)
longer than it is; 0; 0 1 1 0; 5 $(ip4 $B4 $A4 37)$ECHO
shorter than a header; 0; 0 1 1 0; 6 $(ip4 $B4 $A4 19)$ECHO
IPv6 longer than it is; 0; 0 1 1 0; 7 ${ECHO6/00103a40/00113a40}
no IP; 0; 0 1 0 1; 8 55${ECHO4:2}
zeros; 0; 0 1 0 1; 9 $(zeros 64)
one byte; 0; 0 1 0 1; 10 45
19 bytes of IPv4; 0; 0 1 0 1; 11 ${ECHO4:0:38}
20 bytes of IPv4; 0; 0 1 1 0; 12 ${ECHO4:0:40}
39 bytes of IPv6; 0; 0 1 0 1; 13 ${ECHO6:0:78}
40 bytes of IPv6; 0; 0 1 1 0; 14 ${ECHO6:0:80}
another's source; 0; 0 1 0 1; 15 $(ip4 0a070003 $A4 36)$ECHO
our own source; 0; 0 1 0 1; 16 $(ip4 $A4 $A4 36)$ECHO
the same again; 0; 0 0 0 0; 1 $ECHO4 / 16 $ECHO4
backwards; 3; 3 0 0 0; 30 $ECHO4 / 29 $ECHO4 / 28 $ECHO4 / 29 $ECHO4
the window moves; 1; 1 0 0 0; 20000 $ECHO4
its oldest place; 1; 1 0 0 0; 11872 $ECHO4 / 11871 $ECHO4 / 11872 $ECHO4
a bad one leaves no mark; 1; 1 1 0 1; 20001 55${ECHO4:2} / 20001 $ECHO4 / 20002 $ECHO4
beyond 32 bits; 2; 2 0 0 0; 4294967296 $ECHO4 / 4294967295 $ECHO4 / 4294967296 $ECHO4
beyond all; 0; 0 0 0 0; 18446744073709551615 $ECHO4 / 18446744073709543486 $ECHO4
the last counter; 1; 1 0 0 0; 18446744073709543485 $ECHO4
after the last; 0; 0 0 0 0; 18446744073709543484 $ECHO4
END
}
