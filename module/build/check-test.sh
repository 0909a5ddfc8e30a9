#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Plants faults in the vector code, as the compiler writes it, and sees check.sh find each of them.
set -euo pipefail

BUILD=$(cd "$(dirname "$0")" && pwd)
REPO=$(cd "$BUILD/../.." && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

has() { [[ $1 == X86_64 ]]; }
# shellcheck source=module/build/check.sh
. "$BUILD/check.sh"

[[ $(uname -m) == x86_64 ]] || { echo "object check: SKIPPED: the vector code is for x86-64, this is $(uname -m)"; exit 0; }

minor=$(rustc --version | sed -E 's/^rustc 1\.([0-9]+).*/\1/')
avx512=()
((minor < 89)) || avx512=(--cfg 'feature="avx512"')
RUSTC_BOOTSTRAP=1 rustc --target x86_64-unknown-linux-gnu -Cno-redzone=y -Crelocation-model=static \
	-Ccode-model=kernel -Cpanic=abort -Cforce-unwind-tables=n -Zplt=yes -Copt-level=3 -Ccodegen-units=1 \
	-Csymbol-mangling-version=v0 --edition 2021 -Awarnings "${avx512[@]}" --crate-type rlib \
	--crate-name wg_simd --emit=asm="$WORK/compiled.s" "$REPO/crypto/simd/src/lib.rs"
# The build takes an older compiler's unwind tables out (rust.mk).
grep -v '^[[:space:]]*\.cfi_' "$WORK/compiled.s" >"$WORK/good.s"

# verdict NAME: what the check says of NAME.s.
verdict() {
	gcc -c -o "$WORK/$1.o" "$WORK/$1.s"
	(set -e; check_simd_object "$WORK/$1.o") 2>&1
}

# refused NAME MESSAGE: it must not pass, for that reason.
refused() {
	local said status
	# (a condition would switch off the check's own `set -e`)
	set +e
	said=$(verdict "$1")
	status=$?
	set -e
	if ((status == 0)); then
		echo "object check: FAILED: $1 was not found" >&2
		exit 1
	fi
	grep -qE "$2" <<<"$said" || { echo "object check: FAILED: $1 was found as: $said" >&2; exit 1; }
	echo "  ok       planted: $1"
}

# into FUNCTION TEXT: the assembly with a line at the beginning of a function.
into() {
	awk -v name="$1:" -v text="$2" '{ print } $1 == name { print "\t" text }' "$WORK/good.s"
}

verdict good

# The functions of a level that the compiler kept apart, by its own name for them.
pass=$(grep -oE '^_RI?Nv(Nt)+Cs[0-9A-Za-z]+_7wg_simd3x864avx2[^:]*' "$WORK/good.s" | head -1)
[[ -n $pass ]] || { echo "object check: FAILED: no AVX2 function to plant a fault in" >&2; exit 1; }

into wg_seal_avx2 'call _RNvNtCs0_4core9panicking5panic' >"$WORK/panic.s"
refused panic 'must stand alone, but needs: _RNvNtCs0_4core9panicking5panic'

into wg_open_ssse3 'ud2' >"$WORK/trap.s"
refused trap 'wg_open_ssse3 has a path that ends in ud2'

into wg_seal_avx2 'movq memcpy@GOTPCREL(%rip), %rax' >"$WORK/table.s"
refused table 'GOT|needs: _GLOBAL_OFFSET_TABLE_'

into wg_seal_avx2 'subq $8192, %rsp' >"$WORK/stack.s"
refused stack 'wg_seal_avx2 may use [0-9]+ bytes of stack; the limit is'

{ cat "$WORK/good.s"; printf '\t.section .eh_frame,"a",@unwind\n\t.quad 0\n'; } >"$WORK/unwind.s"
refused unwind 'has unwind tables'

into "$pass" "call $pass" >"$WORK/recursion.s"
refused recursion 'calls itself'

# One function without its vector instructions: what a soft-float target makes of it.
awk -v name="$pass:" '$1 == name { inside = 1 } /^\.Lfunc_end/ { inside = 0 } !(inside && /%[xyz]mm/)' \
	"$WORK/good.s" >"$WORK/scalar.s"
refused scalar 'has no vector registers of avx2: it is scalar code'

# All of it half as wide: there are vector instructions, but not those of the level.
awk -v name="$pass:" '$1 == name { inside = 1 } /^\.Lfunc_end/ { inside = 0 } !(inside && /%[yz]mm/)' \
	"$WORK/good.s" >"$WORK/narrow.s"
refused narrow 'has no vector registers of avx2: it is scalar code'

# A module with planted faults passes only where they were asked for, and one without only where not.
planted() {
	PLANT=$1 bash -euo pipefail -c '. "$0/check.sh"; check_plants "$1"' "$BUILD" "$2" >/dev/null 2>&1
}
for name in use_after_free vector_overrun leak sleep inversion rcu timer; do echo "void wg_rs_plant_$name(void) {}"; done >"$WORK/planted.c"
echo 'const char parameter[] = "parm=plant:a fault";' >"$WORK/parameter.c"
echo 'void wg_rs_init(void) {}' >"$WORK/plain.c"
for name in planted parameter plain; do gcc -c -o "$WORK/$name.o" "$WORK/$name.c"; done
for wrong in "0 planted" "0 parameter" "1 plain" "1 parameter"; do
	if planted "${wrong% *}" "$WORK/${wrong#* }.o"; then
		echo "object check: FAILED: PLANT=${wrong% *} and ${wrong#* }.o was let through" >&2
		exit 1
	fi
done
planted 0 "$WORK/plain.o"
planted 1 "$WORK/planted.o"
echo "  ok       planted faults in a module for users, and none where they are asked for"
