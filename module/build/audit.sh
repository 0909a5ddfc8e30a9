#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `make audit`: what a reviewer looks at first, counted from the sources and from a built module.
# KDIR says which; without a module for it the last part is left out, and that is said.

set -euo pipefail
export LC_ALL=C
REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
cd "$REPO"

# Rust sources that go into the module: no tests, no benches.
sources() {
	find "$1" -name '*.rs' -not -path '*/tests/*' -not -path '*/bench/*' -not -path '*/target/*' -not -path '*/build/*' ${2:+-not -path "$2/*"} |
		grep -vE '/tests?\.rs$' | sort
}

# Lines of code, without comments and blank lines.
code() {
	grep -hvE '^[[:space:]]*(//|$)' "$@" | wc -l
}

count() {
	{ grep -hE "$1" "${@:2}" || true; } | { grep -vE '^[[:space:]]*//' || true; } | wc -l
}

echo "Rust that goes into the module: lines of code, and unsafe"
printf '  %-14s %6s %7s %8s %6s %6s %7s\n' folder files lines blocks fns impls SAFETY:
row() {
	local files
	mapfile -t files < <(sources "$2" "${3:-}")
	printf '  %-14s %6d %7d %8d %6d %6d %7d\n' "$1" "${#files[@]}" "$(code "${files[@]}")" \
		"$(count 'unsafe \{' "${files[@]}")" "$(count 'unsafe (extern "C" )?fn ' "${files[@]}")" \
		"$(count 'unsafe impl' "${files[@]}")" "$(grep -hE '// SAFETY:' "${files[@]}" | wc -l)"
}
row protocol/ protocol/src
row netlink/ netlink/src
row crypto/ crypto/src
row crypto/simd/ crypto/simd
row crypto/adx/ crypto/adx/src
row 'module/*.rs' module module/kapi
row module/kapi/ module/kapi
row kernel/ kernel/src
printf '  %-14s %6d %7d lines of C\n' module/c/ "$(find module/c -name '*.[ch]' | wc -l)" "$(cat module/c/*.[ch] kernel/helpers.c | grep -cvE '^[[:space:]]*($|/\*|\*)')"

echo
echo "The compiler forbids unsafe in: $(grep -rlE '^#!\[forbid\(unsafe_code\)\]' --include='*.rs' module protocol/src netlink/src crypto/src | wc -l) files (a crate's lib.rs stands for all of the crate)"

echo
echo "Every way from C into Rust"
grep -rnE '^[[:space:]]*(pub )?(unsafe )?extern "C" fn ' --include='*.rs' module |
	sed -E 's/^([^:]+):([0-9]+):[[:space:]]*(.*fn )([a-z_0-9]+).*/\4 \1:\2/' | sort | awk '{ printf "  %-28s %s\n", $1, $2 }'

echo
release=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "${KDIR:-/lib/modules/$(uname -r)/build}/include/generated/utsrelease.h" 2>/dev/null || true)
object=out/${release:-none}/rust/wg_rust_raw.o
if [[ ! -f $object ]]; then
	echo "Panics left in the module: not looked at, since nothing is built (make module)"
	exit
fi
echo "Panics left in the module for $release, after link-time optimisation, by the function they are in"
# Linked, so that every call names whom it calls.
linked=$(mktemp)
trap 'rm -f "$linked"' EXIT
ld -static -e 0 --unresolved-symbols=ignore-all -Ttext=0x1000000 -o "$linked" "$object" 2>/dev/null
objdump -dC --no-show-raw-insn "$linked" | awk '
	/^[0-9a-f]+ <.*>:$/ { name = $0; sub(/^[0-9a-f]+ </, "", name); sub(/>:$/, "", name); next }
	# A panic of core is one of its functions of this kind; they call each other, which does not count.
	/(call|jmp|j[a-z]+) +[0-9a-f]+ <core::[a-z_:]*(panic|fail)[a-z_]*(::[a-z_]+)*>$/ {
		what = $0; sub(/.*</, "", what); sub(/>$/, "", what)
		if (name !~ /^core::/) seen[name " -> " what]++
	}
	END {
		for (line in seen) { printf "  %3d %s\n", seen[line], line | "sort -k2"; all += seen[line] }
		close("sort -k2")
		printf "  %3d in all\n", all
	}'
