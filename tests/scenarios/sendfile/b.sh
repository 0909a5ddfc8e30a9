# SPDX-License-Identifier: GPL-2.0
. /vm/lib.sh
create
meet
barrier ready
sum=$(get sum)
for address in "$MY_IN4" "$MY_IN6"; do
	ncat --recv-only -l "$address" 7000 >/tmp/file &
	receiver=$!
	wait_for 10 sh -c 'ss -tln | grep -q :7000'
	barrier "listening $address"
	wait $receiver
	barrier "sent $address"
	same "size" 20000123 "$(wc -c </tmp/file)"
	same "file received" "$sum" "$(sha256sum </tmp/file)"
done
