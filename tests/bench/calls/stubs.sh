#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# stubs.sh OBJECT NAMES CODE: for every function that OBJECT calls and does not have, a stub that counts
# the call and goes there. NAMES is for objcopy --redefine-syms, CODE is the C file with the stubs and
# the module parameter `calls`, which prints the counts. Called by module/build/objects.kbuild.
set -euo pipefail
object=$1 names=$2 code=$3

# The thunks are a part of the calling instruction. Panics do not return, which objtool knows by their names.
functions=$(nm -u "$object" | awk '$2 !~ /^__x86_|14format_strings|panicking|(unwrap|expect)_failed|_fail$/ { print $2 }')
awk '{ print $1, "wg_calls_to_" $1 }' <<<"$functions" >"$names"
{
	cat <<-'C'
		// SPDX-License-Identifier: GPL-2.0
		/* How often Rust calls out of itself: written by tests/bench/calls/stubs.sh. */
		#include <linux/module.h>

		#ifdef CONFIG_UML
		#define GO(name) "movabsq $" name ", %r11\n\tjmp *%r11\n"
		#else
		#define GO(name) "jmp " name "\n"
		#endif
		/* Some are called by their address. */
		#ifdef CONFIG_X86_KERNEL_IBT
		#define ENTRY "endbr64\n\t"
		#else
		#define ENTRY
		#endif
		#define STUB(name) \
			extern u64 wg_count_##name; \
			u64 wg_count_##name; \
			asm(".pushsection .text\n.globl wg_calls_to_" #name "\n" \
			    ".type wg_calls_to_" #name ", @function\nwg_calls_to_" #name ":\n" \
			    "\t" ENTRY "movabsq $wg_count_" #name ", %r11\n\tlock incq (%r11)\n\t" GO(#name) \
			    ".size wg_calls_to_" #name ", . - wg_calls_to_" #name "\n.popsection\n");

	C
	while read -r name; do echo "STUB($name)"; done <<<"$functions"
	cat <<-'C'

		static const struct {
			const char *name;
			const u64 *count;
		} counts[] = {
	C
	while read -r name; do printf '\t{ "%s", &wg_count_%s },\n' "$name" "$name"; done <<<"$functions"
	cat <<-'C'
		};

		static int calls_get(char *buffer, const struct kernel_param *kp)
		{
			int i, len = 0;

			for (i = 0; i < ARRAY_SIZE(counts); ++i)
				if (*counts[i].count)
					len += scnprintf(buffer + len, PAGE_SIZE - len, "%s %llu\n",
							 counts[i].name, *counts[i].count);
			return len;
		}

		static const struct kernel_param_ops calls_ops = { .get = calls_get };
		module_param_cb(calls, &calls_ops, NULL, 0444);
	C
} >"$code"
