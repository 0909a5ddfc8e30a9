#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Reads the target kernel's headers with bindgen's command line (0.60 or later, as Debian packages it,
# or the one that build.sh had cargo build) and writes the `bindings` crate.
#
#   bindings.sh BINDGEN HEADER OUT.rs ALLOW... -- COMPILER FLAGS...
#
# The flags are those the kernel's own build gives its C compiler. Only those that decide what the
# headers say (paths, macros, character signedness and the like) are handed on: the rest belongs to
# one compiler and one code generator, and libclang may not know it.
set -euo pipefail

bindgen=$1 header=$2 out=$3
shift 3
lists=()
while [[ $1 != -- ]]; do
	lists+=("$1")
	shift
done
shift

# What bindgen is told. Newer versions do some of it without being asked.
options=(--use-core --ctypes-prefix kernel::ffi --no-layout-tests --with-derive-default --no-debug '.*' --no-doc-comments
	--enable-function-attribute-detection --default-enum-style consts
	--raw-line '//! Bindings to the target kernel, written by bindgen from its own headers.'
	--raw-line '#![no_std]' --raw-line '#![allow(warnings, clippy::all)]')
known=$("$bindgen" --help)
if [[ $known == *--formatter* ]]; then options+=(--formatter none); else options+=(--no-rustfmt-bindings); fi
if [[ $known == *" --size_t-is-usize"* ]]; then options+=(--size_t-is-usize); fi

# The allowlist: fn|type|var|opaque PATTERN, or `alias NEW OLD`; `#` begins a comment.
while read -r kind name rest; do
	case $kind in
	'' | '#'*) ;;
	fn) options+=(--allowlist-function "$name") ;;
	type) options+=(--allowlist-type "$name") ;;
	var) options+=(--allowlist-var "$name") ;;
	opaque) options+=(--opaque-type "$name") ;;
	alias) options+=(--raw-line "pub type $name = $rest;") ;;
	*)
		echo "bindings: not an allowlist line: $kind $name $rest" >&2
		exit 1
		;;
	esac
done < <(cat "${lists[@]}")

kept=()
while (($#)); do
	case $1 in
	# These take their value in the next argument.
	-include | -isystem | -I | -D | -U | -iquote | -idirafter)
		kept+=("$1" "$2")
		shift
		;;
	-I* | -D* | -U* | -isystem* | -iquote* | -include* | -nostdinc | -std=* | -m64 | -m32 | -fshort-wchar | -fno-short-wchar | \
		-funsigned-char | -fsigned-char | -fms-extensions | -fshort-enums | -fno-short-enums | -fno-strict-aliasing | \
		-mabi=lp64* | -mregparm=* | --target=*) kept+=("$1") ;;
	esac
	shift
done

"$bindgen" "$header" -o "$out" "${options[@]}" -- "${kept[@]}" -w -fno-builtin -D__BINDGEN__ -DMODULE
