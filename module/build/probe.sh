# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Asks the target's headers instead of its version number. Sourced by build.sh.
#
# To add a probe, write probes/<name>.c: the least C that compiles if, and only if, the answer is yes
# (it is compiled with -Werror, as a file of the module; unused and undeclared things do not matter).
# It becomes `#define WG_HAVE_<NAME> 0|1` in out/<release>/probes.h and `--cfg wg_have_<name>` for the
# driver. Why an answer is no is in out/<release>/probe/<name>.answer.log.
# To ask whether the kernel exports a symbol, add its name to probes/exports: `WG_EXPORTS_<NAME>`.
# Headers that probes include belong into controls/control.c too: it must compile (and controls/broken.c
# must not), so that broken headers are an error and not a row of noes.

# The key of everything an answer depends on.
probe_key() {
	local file
	{
		echo "$KDIR $ARCH_ARGS ${CC_ARGS[*]}"
		"$(compiler)" --version 2>/dev/null | head -n 1
		for file in autoconf utsrelease compile package; do
			cat "$KDIR/include/generated/$file.h" 2>/dev/null || true
		done
		cat "$KDIR/Module.symvers" "$BUILD"/probe.kbuild "$BUILD"/probe.sh "$BUILD"/probes/* "$BUILD"/controls/*
		ls "$BUILD"/probes
	} | sha256sum | cut -c1-64
}

# The compiler's command, as far as it is known before Kbuild has spoken.
compiler() {
	case ${CC_ARGS[0]:-} in
	CC=*) echo "${CC_ARGS[0]#CC=}" ;;
	LLVM=-*) echo "clang${CC_ARGS[0]#LLVM=}" ;;
	LLVM=*) echo clang ;;
	*) echo gcc ;;
	esac
}

probe() {
	local key dir=$OUT/probe
	key=$(probe_key)
	if [[ -f $OUT/probes.key && $(<"$OUT/probes.key") == "$key" && -f $OUT/probes.h ]]; then
		return
	fi
	echo "  PROBE    $(find "$BUILD/probes" -name '*.c' | wc -l) questions to the headers of $RELEASE"
	rm -rf "$dir" "$OUT/probes.key"
	mkdir -p "$dir"
	ln -s "$BUILD/controls/control.c" "$dir/control.c"
	printf 'wg-build := %s\ninclude %s/probe.kbuild\n' "$BUILD" "$BUILD" >"$dir/Kbuild"
	if ! kmake M="$dir" control.o >"$dir/log" 2>&1; then
		cat "$dir/log" >&2
		refuse "the headers of $RELEASE do not compile with this compiler (see above and $dir/log)"
	fi
	[[ $(<"$dir/control.answer") == 1 ]] || {
		cat "$dir/control.answer.log" >&2
		refuse "the control probe does not compile"
	}
	[[ $(<"$dir/broken.answer") == 0 ]] || refuse "a probe of a missing header succeeded: the answers of $RELEASE mean nothing"
	answers
	echo "$key" >"$OUT/probes.key"
}

# Writes probes.h (C) and probes.cfg (rustc) from the answers.
answers() {
	local file name answer cfg=$OUT/probes.cfg.new header=$OUT/probes.h.new
	: >"$cfg"
	{
		echo "/* SPDX-License-Identifier: GPL-2.0 */"
		echo "/* What the headers of $RELEASE have: written by module/build/probe.sh. */"
		for file in "$BUILD"/probes/*.c; do
			name=$(basename "$file" .c)
			answer=$(<"$OUT/probe/$name.answer")
			echo "#define WG_HAVE_${name^^} $answer"
			printf -- '--check-cfg\ncfg(wg_have_%s)\n' "$name" >>"$cfg"
			((answer)) && printf -- '--cfg\nwg_have_%s\n' "$name" >>"$cfg"
		done
		while read -r name; do
			[[ -z $name || $name == '#'* ]] && continue
			answer=0
			grep -q "	$name	" "$KDIR/Module.symvers" && answer=1
			echo "#define WG_EXPORTS_${name^^} $answer"
			printf -- '--check-cfg\ncfg(wg_exports_%s)\n' "$name" >>"$cfg"
			((answer)) && printf -- '--cfg\nwg_exports_%s\n' "$name" >>"$cfg"
		done <"$BUILD/probes/exports"
		true
	} >"$header"
	replace "$cfg" "$OUT/probes.cfg"
	replace "$header" "$OUT/probes.h"
}
