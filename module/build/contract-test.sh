#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The contract between the worlds is rfl.rs: what the driver uses of Rust-for-Linux's `kernel` crate. This
# asks whether the stand-in (kernel/) keeps it and has nothing beyond it, and whether the driver's sources
# are free of the world they are built for.
set -euo pipefail
export LC_ALL=C

BUILD=$(cd "$(dirname "$0")" && pwd)
REPO=$(cd "$BUILD/../.." && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

failed() {
	echo "contract: FAILED: $*" >&2
	exit 1
}

# What the driver uses compiles against the stand-in, as world.sh compiles it against a kernel's crate.
compile() { RUSTC_BOOTSTRAP=1 rustc --edition 2021 -Cpanic=abort --crate-type rlib --emit=metadata --out-dir "$WORK" "$@"; }
compile --crate-name kernel "$REPO/kernel/src/lib.rs"
compile --crate-name rfl_probe -Dwarnings --extern kernel="$WORK/libkernel.rmeta" "$BUILD/rfl.rs" ||
	failed "the stand-in lacks what rfl.rs says the driver uses"
echo "  ok       the stand-in has what the driver uses"

# names: the public functions, constants, types and macros of the stand-in; the C types of ffi.rs are for
# bindgen, and what is hidden from the documentation is for the macros.
names() {
	awk '
		/^ *#\[doc\(hidden\)\]/ { hidden = 1; next }
		/^ *(#\[|\/\/)/ { next }
		match($0, /^ *pub ((const |unsafe )*fn|const|type) [A-Za-z_0-9]+/) ||
		match($0, /^ *macro_rules! pr_[a-z]+/) || match($0, /^    E[A-Z0-9]+ = /) {
			count = split(substr($0, RSTART, RLENGTH), word, " ")
			name = word[count] == "=" ? word[count - 1] : word[count]
			if (!hidden) print name
		}
		{ hidden = 0 }' "$@" | sort -u
}

# beyond TEXT: which of the names are in no Rust code of TEXT (comments apart).
beyond() {
	local name
	for name in "${all[@]}"; do
		grep -qE "(^|[^A-Za-z_0-9])$name([^A-Za-z_0-9]|\$)" "$1" || echo "$name"
	done
}
# code FILE...: without comments.
code() { cat "$@" | sed -E 's|//.*||'; }

mapfile -t sources < <(find "$REPO/kernel/src" -name '*.rs' -not -name ffi.rs)
mapfile -t all < <(names "${sources[@]}")
((${#all[@]} > 20)) || failed "only ${#all[@]} names were found in the stand-in"
mapfile -t driver < <(find "$REPO/module" -name '*.rs' -not -path '*/build/*')
code "${driver[@]}" >"$WORK/driver"
code "$BUILD/rfl.rs" >"$WORK/contract"
for text in driver contract; do
	more=$(beyond "$WORK/$text")
	[[ -z $more ]] || failed "the stand-in has what is not in the $text: ${more//$'\n'/ }"
done
echo "  ok       and nothing else (${#all[@]} names)"

# The driver may be configured by probes and for tests, not by its world.
worldly=$(grep -nEi 'cfg.*(rfl|standalone|world|config_rust)' "${driver[@]}" "$REPO"/module/c/*.[ch] ||
	true)
[[ -z $worldly ]] || failed "the driver knows its world: $worldly"
worldly=$(grep -nE '^[[:space:]]*#.*(WORLD|CONFIG_RUST|RFL)' "$REPO"/module/c/*.[ch] || true)
[[ -z $worldly ]] || failed "the driver's C files know their world: $worldly"
echo "  ok       the driver does not know its world"

# And these checks can fail.
echo 'pub fn planted() {}' >"$WORK/planted.rs"
mapfile -t all < <(names "$WORK/planted.rs")
[[ $(beyond "$WORK/driver") == planted ]] || failed "a planted name was not found"
echo "  ok       planted name: found"
