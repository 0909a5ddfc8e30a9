# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
capture /run/wire.pcap
meet "$OUT4:$PORT"
barrier ready
# 1 byte of ping data: 20 + 8 + 1 bytes of IP, padded to 32.
ping -q -n -c 1 -W 5 -s 1 "$IN4"
# 1392 bytes of IP need no padding; one more is padded, but not beyond the MTU of 1420.
ping -q -n -c 1 -W 5 -s $((1392 - 28)) "$IN4"
ping -q -n -c 1 -W 5 -s $((1393 - 28)) "$IN4"
ping -q -n -c 1 -W 5 -s $((1420 - 28)) "$IN4"
# A keepalive follows when nothing was sent for 10 seconds after something was received; a
# persistent one comes sooner.
wg set wg0 peer "$PUBLIC" persistent-keepalive 1
sleep 2.5
barrier quiet
stop_capture
payloads /run/wire.pcap >/run/wire.txt
awk '{ print $1, length($2) / 2, substr($2, 1, 32) }' /run/wire.txt | tee /run/short.txt

line() { sed -n "$1p" /run/short.txt; }
bytes() { sed -n "$1p" /run/wire.txt | cut -d' ' -f2 | cut -c $(($2 * 2 + 1))-$((($2 + $3) * 2)); }
# Initiation: type 1, three zero bytes, sender index; 148 bytes, no cookie: mac2 is zero.
case "$(line 1)" in "1 148 01000000"*) ;; *) fail "initiation: $(line 1)" ;; esac
same "mac2 of the initiation" 00000000000000000000000000000000 "$(bytes 1 132 16)"
# Response: type 2; 92 bytes; the receiver index is the initiation's sender index.
case "$(line 2)" in "2 92 02000000"*) ;; *) fail "response: $(line 2)" ;; esac
same "receiver index of the response" "$(bytes 1 4 4)" "$(bytes 2 8 4)"
same "mac2 of the response" 00000000000000000000000000000000 "$(bytes 2 76 16)"
# First data of the initiator: type 4, the responder's index, counter 0; 16 + 32 + 16 bytes.
same "first data" "1 64 04000000$(bytes 2 4 4)0000000000000000" "$(line 3)"
same "first reply" "2 64 04000000$(bytes 1 4 4)0000000000000000" "$(line 4)"
same "1392 bytes" "1 1424 04000000$(bytes 2 4 4)0100000000000000" "$(line 5)"
same "1393 bytes" "1 1440 04000000$(bytes 2 4 4)0200000000000000" "$(line 7)"
same "1420 bytes" "1 1452 04000000$(bytes 2 4 4)0300000000000000" "$(line 9)"
# Keepalive: data without content.
grep -q "^1 32 04000000$(bytes 2 4 4)" /run/short.txt || fail "no keepalive of 32 bytes"
if awk '$1 == 1 && $2 == 32' /run/short.txt | grep -v " 04000000"; then fail "odd keepalive"; fi
