# SPDX-License-Identifier: GPL-2.0
# The target.
. /vm/lib.sh
. /vm/steps.sh

hexadecimal() { base64 -d <<<"$1" | xxd -p -c 64; }
create
put a.public "$(hexadecimal "$(wg show wg0 public-key)")"
key=$(wg genkey)
put b.private "$(hexadecimal "$key")"
PUBLIC=$(wg pubkey <<<"$key")
add_peer "$PUBLIC"
barrier ready

statistics() {
	local name
	for name in rx_packets rx_errors rx_length_errors rx_frame_errors; do
		cat /sys/class/net/wg0/statistics/$name
	done
}
barrier session
while IFS=';' read -r name _ expected _; do
	mapfile -t before < <(statistics)
	barrier "ready: $name"
	barrier "done: $name"
	mapfile -t after < <(statistics)
	changes=
	for n in 0 1 2 3; do changes+=" $((after[n] - before[n]))"; done
	same "$name" "$expected" "$changes"
	echo "$name:$changes"
done < <(steps)
# Whoever has shown the keys is where the answers go, whatever was inside.
same endpoint "192.168.7.2:4444" "$(wg show wg0 endpoints | cut -f2)"
barrier end
