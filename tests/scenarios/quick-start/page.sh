# SPDX-License-Identifier: GPL-2.0
# block KIND NUMBER: that block of the page (```KIND), counted from 1. Sourced.
block() {
	awk -v begin="\`\`\`$1" -v wanted="$2" '
		$0 == begin { inside = 1; n++; next }
		/^```/ { inside = 0 }
		inside && n == wanted { print; found = 1 }
		END { exit !found }' /vm/quick-start.md
}

# A folder that can be written, where the page has it.
mount -t tmpfs wireguard /etc/wireguard

# Both sides: the keys, as the page makes them; what it prints is the public one.
. <(block sh 1) >/run/public
put "$MACHINE.public" "$(cat /run/public)"
other=$(get "$PEER.public")
same "length of a key" 44 "${#other}"
