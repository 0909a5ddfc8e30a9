# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What must not be in the objects and in the log. Sourced by build.sh.

# Relocations that every kernel since 5.4 can apply to a module (arch/x86/kernel/module.c).
X86_RELOCATIONS='R_X86_64_(NONE|64|32|32S|PC32|PLT32|PC64)'

fault() {
	echo "wireguard: $1" >&2
	return 1
}

# Names that FILE leaves to others.
undefined() {
	nm -u "$1" | awk '{ print $2 }' | sort -u
}

# check_relocations FILE: what goes through a global offset table or thread-local storage does not load.
check_relocations() {
	local kinds
	kinds=$(readelf -rW "$1" | awk '$3 ~ /^R_/ { print $3 }' | sort -u | grep -E 'GOT|TLS|TPOFF|DTPMOD|DTPOFF|COPY' || true)
	[[ -z $kinds ]] || fault "${1##*/} has relocations that no kernel loads: $(echo $kinds)"
	if has X86_64; then
		kinds=$(readelf -rW "$1" | awk '$3 ~ /^R_/ { print $3 }' | sort -u | grep -vxE "$X86_RELOCATIONS" || true)
		[[ -z $kinds ]] || fault "${1##*/} has relocations that a kernel may not load: $(echo $kinds)"
	fi
}

# check_unwind FILE: the kernel has tables of its own (objtool's), and reads no others.
check_unwind() {
	! readelf -SW "$1" | grep -F ' .eh_frame ' >/dev/null || fault "${1##*/} has unwind tables, which no kernel reads"
}

# check_rust_object FILE: nothing of core, of a crate or of the compiler's library may be left undefined.
check_rust_object() {
	local names
	names=$(undefined "$1" | grep -E '^_R|^_ZN|rust_begin_unwind|rust_eh_|^__rust|^__(u?div|u?mod|mul)(ti|di|si)|^_Unwind|(sf|df)2?$' || true)
	[[ -z $names ]] || fault "the Rust object needs what no kernel has: $(echo $names)"
	check_relocations "$1"
	check_unwind "$1"
	check_panics "$1"
}

# check_panics FILE: no packet and no message can bring the kernel down if there is no call that could.
# A debug build asserts on purpose. Another compiler than ours may see less, which is no reason to
# leave a user without a module: WERROR=0 says it and goes on.
check_panics() {
	((DEBUG == 0)) || return 0
	local names
	names=$(nm -C "$1" | sed -n 's/^[0-9a-f]* *[tTU] \(core::panicking::.*\)/\1/p' | sort -u)
	if [[ -z $names ]]; then
		printf '  %-8s %s\n' CHECK "no panic is left in the Rust code"
	elif has KASAN; then
		# The sanitizer's checks hide from the optimiser what it would see without them.
		printf '  %-8s %s\n' CHECK "panics left beside the address sanitizer: $(wc -l <<<"$names") kinds"
	elif ((WERROR == 0)); then
		printf '  %-8s %s\n' CHECK "panics left in the Rust code (make audit says where): $(echo $names)"
	else
		fault "panics are left in the Rust code (make audit says where): $(echo $names)"
	fi
}

# The most stack that an exported vector function may use with all that it calls; the kernel has 16
# KiB for a packet's whole way down. One with the address sanitizer has more, and needs it.
STACK_LIMIT=6144
SANITIZED_STACK_LIMIT=16384

# check_simd_object FILE: it may call the memory routines and the return thunk, has no way to panic,
# and every vector function uses the registers of its level. Prints the stack each level may need;
# that of every function goes to FILE with the ending .stack.
check_simd_object() {
	local names table=${1%.o}.stack faults limit=$STACK_LIMIT sanitizer=-
	has KASAN && limit=$SANITIZED_STACK_LIMIT sanitizer='__asan_[a-z0-9_]+'
	names=$(undefined "$1" | grep -vxE 'memcpy|memset|memmove|memcmp|bcmp|__x86_return_thunk|__x86_indirect_thunk_[a-z0-9]+'"|$sanitizer" || true)
	[[ -z $names ]] || fault "the vector object must stand alone, but needs: $(echo $names)"
	check_relocations "$1"
	check_unwind "$1"
	has X86_64 || return 0
	objdump -dr --no-show-raw-insn "$1" | awk -v limit="$limit" -f "$BUILD/vector.awk" >"$table"
	faults=$(sed -n 's/^fault //p' "$table" | sort -u)
	[[ -z $faults ]] || fault "the vector object: $faults"
	printf '  %-8s %s\n' CHECK "$(awk '
		$1 != "-" { functions[$1]++ }
		$5 ~ /^wg_(seal|open)_/ { level = substr($5, 9); if ($4 > most[level]) most[level] = $4 }
		END {
			count = split("ssse3 avx2 avx512", order)
			for (i = 1; i <= count; i++)
				if (order[i] in most)
					text = text "; " order[i] " " functions[order[i]] " functions, " most[order[i]] " bytes of stack"
			print "vector code" text
		}' "$table")"
}

# check_plants FILE: a module with faults on purpose has them and says so, and no other has a trace of them.
check_plants() {
	local found
	found=$({ nm "$1"; strings -n 6 "$1"; } | grep -E 'wg_(rs_)?plant|^parm=plant:' || true)
	if ((PLANT == 0)); then
		[[ -z $found ]] || fault "${1##*/} has planted faults: $(head -n 3 <<<"$found" | xargs)"
	else
		[[ $(grep -c 'wg_rs_plant' <<<"$found") -ge 7 ]] || fault "${1##*/} has not the planted faults that PLANT=1 asks for"
		printf '  %-8s %s\n' PLANT "this module commits faults on purpose: for tests of the detectors alone"
	fi
}

# check_module: the finished module needs only what the kernel, or a module beside it, exports.
check_module() {
	local ko=$OUT/wireguard.ko names section
	names=$(undefined "$ko" | grep -vxF -f <(cut -f2 "$KDIR/Module.symvers") || true)
	# What the kernel provides without exporting it as a symbol.
	names=$(grep -vxE '__this_module|_GLOBAL_OFFSET_TABLE_' <<<"$names" | grep . || true)
	[[ -z $names ]] || fault "wireguard.ko needs what $RELEASE does not export: $(echo $names)"
	check_relocations "$ko"
	check_plants "$ko"
	for section in UNWINDER_ORC:.orc_unwind RETHUNK:.return_sites MITIGATION_RETHUNK:.return_sites; do
		has "${section%%:*}" || continue
		readelf -SW "$ko" | grep -F " ${section##*:} " >/dev/null || fault "wireguard.ko has no ${section##*:}: objtool did not run on it"
	done
}

# check_log: no warning of rustc, gcc, objtool or modpost. What Kbuild says of the user's compiler is
# no fault of the module, and that the hardening of straight lines is unstable we know.
check_log() {
	local found
	found=$(grep -iE 'warning|objtool:' "$OUT/build.log" |
		grep -viE 'warning: (the compiler|pahole version) differs|feature specified for `-Ctarget-feature`: `harden-sls|DEBUG_SECTION_MISMATCH' || true)
	[[ -n $found ]] || return 0
	if ((WERROR == 0)); then
		return 0
	fi
	# The next build has to meet the same warnings again.
	rm -f "$OUT"/wireguard.{ko,o} "$OUT"/wg_*.o
	echo "$found" >&2
	fault "the build gave warnings (above, and in $OUT/build.log)"
}
