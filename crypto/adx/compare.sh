#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Compares the machine code that this crate is compiled to with s2n-bignum's own, whose proof is of the
# instructions: aws-lc-sys (a package that only `make bench` needs) has it as files of assembly. Run by
# hand when the version of graviola changes.
set -euo pipefail
cd "$(dirname "$0")/../.."
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

manifest=$(cargo metadata --format-version 1 --manifest-path crypto/simd/bench/Cargo.toml |
	tr '"' '\n' | grep -E '/aws-lc-sys-[0-9.]+/Cargo.toml$' | head -n 1)
theirs=${manifest%/Cargo.toml}/aws-lc/third_party/s2n-bignum/s2n-bignum-imported
cargo rustc --quiet --release --package wg-adx --lib --target-dir target/compare -- -Ccodegen-units=1 --emit=obj="$WORK/ours.o"

# listing FILE FUNCTION: its instructions from endbr64 on, targets of jumps as numbers of instructions.
listing() {
	objdump -d --no-show-raw-insn "$1" | awk -v name="$2" '
		/^[0-9a-f]+ <.*>:$/ { if ($2 !~ name) begun = 0; inside = $2 ~ name; next }
		!inside || !/^ *[0-9a-f]+:\t/ { next }
		/\tendbr64/ { begun = 1 }
		begun {
			address = $1; sub(/:$/, "", address); number[address] = ++count
			sub(/^[^\t]*\t/, ""); sub(/ *#.*/, ""); sub(/ +$/, ""); gsub(/ +/, " "); line[count] = $0
		}
		END {
			for (i = 1; i <= count; i++) {
				text = line[i]
				if (text ~ /^j/) { split(text, word, " "); text = word[1] " to " number[word[2]] }
				# The tables are found by their distance, from here or from the first of them.
				if (text ~ /^lea (0x0\(%rip\)|0x(60|c0)\(%r10\)),/) sub(/ .*,/, " table,", text)
				print text
			}
		}'
}

# bytes FILE PATTERN: what is in the sections of these names, in their order, as hex digits.
bytes() {
	readelf -SW "$1" | sed -n 's/^ *\[ *[0-9]*\] //p' | awk '{ print $1 }' | grep -E "$2" | while read -r section; do
		objcopy -O binary --only-section="$section" --set-section-flags "$section=alloc" "$1" "$WORK/section"
		od -An -v -tx1 "$WORK/section" | tr -d ' \n'
	done
}

for pair in multiply:curve25519_x25519 base:curve25519_x25519base; do
	ours=${pair%:*} name=${pair#*:}
	gcc -c -DS2N_BN_SYM= -I"$theirs/include" -I"$theirs/../../../include" -o "$WORK/$name.o" "$theirs/x86_att/curve25519/$name.S"
	listing "$WORK/$name.o" . | sed '/^ret/,$d' >"$WORK/theirs"
	count=$(wc -l <"$WORK/theirs")
	((count > 2000)) || { echo "compare: FAILED: only $count instructions of $name" >&2; exit 1; }
	listing "$WORK/ours.o" "wg_adx5curve.*$ours" | head -n "$count" >"$WORK/ours"
	diff "$WORK/theirs" "$WORK/ours" || { echo "compare: FAILED: $name differs (theirs, ours)" >&2; exit 1; }
	echo "  ok       $name: the same $count instructions"
done

# The three tables that s2n-bignum has as one.
table=$(bytes "$WORK/curve25519_x25519base.o" '^\.rodata') mine=$(bytes "$WORK/ours.o" '^\.rodata')
((${#table} == 2 * (96 + 96 + 48384))) || { echo "compare: FAILED: the tables have $((${#table} / 2)) bytes" >&2; exit 1; }
for part in "${table:0:192}" "${table:192:192}" "${table:384}"; do
	[[ $mine == *"$part"* ]] || { echo "compare: FAILED: a table differs" >&2; exit 1; }
done
echo "  ok       the same tables, $((${#table} / 2)) bytes"
