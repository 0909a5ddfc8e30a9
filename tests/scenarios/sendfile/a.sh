# SPDX-License-Identifier: GPL-2.0
# Sends pages of the page cache itself: a module that encrypts in place would write into the file.
. /vm/lib.sh
create
meet "$OUT4:$PORT"
barrier ready
reach "$IN4"
# Larger than the socket buffers, and no whole number of pages.
head -c 20000123 /dev/urandom >/tmp/file
sum=$(sha256sum </tmp/file)
put sum "$sum"
for address in "$IN4" "$IN6"; do
	barrier "listening $address"
	# busybox cat hands the file to the socket with sendfile.
	busybox cat /tmp/file >"/dev/tcp/$address/7000"
	barrier "sent $address"
	same "file at the sender" "$sum" "$(sha256sum </tmp/file)"
done
