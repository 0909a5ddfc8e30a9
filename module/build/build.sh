#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Builds wireguard.ko for one kernel into out/<release>/, or out/<release>-rfl/ in the rfl world. Called by the top-level Makefile, and by the
# top-level Kbuild when somebody types `make -C <kernel> M=<repository>`.
#
#   tools.sh, target.sh   what the machine has, what the kernel asks for (refusals in one line)
#   world.sh              whose Rust it is: the kernel's (rfl) or ours (standalone)
#   probe.sh              questions to the kernel's headers -> probes.h, probes.cfg
#   rust.mk               standalone: core, bindings and our crates -> one object, wg_rust_raw.o; in both
#                         worlds the bindings and the vector code
#   rfl.kbuild            rfl: our crates by the kernel's own rules for Rust -> wg_rust.o
#   objects.kbuild        that object and the C files -> wireguard.ko, by the kernel's own rules
#   check.sh              what must not be in the log or in the objects
#
# Environment: KDIR, WORLD, CC, LLVM, RUSTC, RUST_LIB_SRC, BINDGEN, LIBCLANG_PATH, DEBUG=1 (overflow
# checks and assertions), WERROR=0 (warnings do not stop the build), V=1, JOBS, WG_MODULE (another driver folder), OUT
# (another folder for the products), COUNT=1 (count the calls out of Rust: tests/bench/calls), PLANT=1 (faults on purpose, for kernels
# that look for them: module/kapi/plant.rs).

set -euo pipefail
export LC_ALL=C

BUILD=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
REPO=$(cd "$BUILD/../.." && pwd -P)
WG_MODULE=$(cd "${WG_MODULE:-$REPO/module}" && pwd -P)
WG_CACHE=${WG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wireguard-rs}
KDIR=${KDIR:-/lib/modules/$(uname -r)/build}
JOBS=${JOBS:-$(nproc)}
DEBUG=${DEBUG:-0}
WERROR=${WERROR:-1}
PLANT=${PLANT:-0}

. "$BUILD/tools.sh"
. "$BUILD/target.sh"
. "$BUILD/world.sh"
. "$BUILD/probe.sh"
. "$BUILD/check.sh"

# replace NEW OLD: keeps OLD, and its time, if nothing changed.
replace() {
	if cmp -s "$1" "$2"; then rm "$1"; else mv "$1" "$2"; fi
}

# Debian's packages with all that a build needs.
PACKAGES=(make gcc bindgen "$PACKAGE_LIBCLANG" "$PACKAGES_RUST")

# The kernel's make, free of whatever make we were called from.
kmake() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u KBUILD_OUTPUT -u CC -u LLVM -u ARCH -u KERNELRELEASE \
		make --no-print-directory -C "$KDIR" -j"$JOBS" ${ARCH_ARGS:+"$ARCH_ARGS"} "${CC_ARGS[@]}" ${V:+V="$V"} "$@"
}

# Reads the kernel. Sets KDIR, RELEASE, config and ARCH_ARGS.
read_kernel() {
	find_kernel
	read_config
	ARCH_ARGS=
	has UML && ARCH_ARGS=ARCH=um
	return 0
}

# What does not depend on the compiler.
need_others() {
	need_commands
	need_bindgen
	need_libclang
	need_cargo
	need_cc
}

# Chooses the world. Sets WORLD and OUT.
name_folder() {
	need_rustc
	if ((missing)); then
		need_others
		stop_if_missing "${PACKAGES[@]}"
	fi
	choose_world
	local folder=$RELEASE
	[[ $WORLD == standalone ]] || folder+=-$WORLD
	((PLANT == 0)) || folder+=-plant
	OUT=${OUT:-$REPO/out/$folder}
}

# Reads kernel and tools. Sets everything the later steps use.
configure() {
	read_kernel
	refuse_config
	name_folder
	[[ $WORLD == rfl ]] || need_rust_src
	need_others
	stop_if_missing "${PACKAGES[@]}"
	choose_target
}

# A folder belongs to one kernel tree: another one of the same release starts it afresh. (Kernels that
# one builds side by side want a CONFIG_LOCALVERSION each.)
claim_out() {
	mkdir -p "$OUT"
	if [[ -f $OUT/kdir && $(<"$OUT/kdir") != "$KDIR" ]]; then
		echo "  CLEAN    $OUT (it was built for $(<"$OUT/kdir"))"
		rm -rf "$OUT"
		mkdir -p "$OUT"
	fi
	echo "$KDIR" >"$OUT/kdir"
	mkdir -p "$OUT/rust" "$OUT/c"
}

# Where the third-party crates are: in vendor/ (a source tarball and the package have it), else where
# cargo keeps them, in the versions of Cargo.lock. Of graviola there are only sources (crypto/adx).
third_party() {
	local list=$OUT/rust/third-party.mk key crate manifest metadata=
	key=$({ cat "$REPO/Cargo.lock" "$REPO/crypto/adx/graviola.in"; ls -d "$REPO/vendor" 2>/dev/null || true; } | sha256sum)
	if [[ -f $list ]] && grep -qxF "# $key" "$list"; then
		return
	fi
	if [[ ! -d $REPO/vendor ]]; then
		(cd "$REPO" && "$CARGO" fetch --locked --quiet) || refuse "cargo cannot fetch the crates of Cargo.lock"
		metadata=$(cd "$REPO" && "$CARGO" metadata --locked --offline --format-version 1 | tr ',' '\n')
	fi
	echo "# $key" >"$list.new"
	for crate in fiat-crypto graviola subtle zeroize; do
		manifest=$REPO/vendor/$crate/Cargo.toml
		if [[ ! -d $REPO/vendor ]]; then
			manifest=$(sed -n "s|.*\"manifest_path\":\"\([^\"]*/$crate-[0-9][^\"]*/Cargo.toml\)\".*|\1|p" <<<"$metadata" | head -n 1)
		fi
		[[ -f $manifest ]] || refuse "the sources of the crate $crate are nowhere to be found"
		if [[ $crate == graviola ]]; then
			sed "s|@GRAVIOLA@|${manifest%/Cargo.toml}|" "$REPO/crypto/adx/graviola.in" >"$OUT/rust/graviola.rs.new"
			replace "$OUT/rust/graviola.rs.new" "$OUT/rust/graviola.rs"
			continue
		fi
		{
			echo "THIRD_PARTY += ${crate//-/_}"
			echo "SOURCE_${crate//-/_} := ${manifest%/Cargo.toml}/src/lib.rs"
			echo "EDITION_${crate//-/_} := $(sed -n 's/^edition *= *"\(.*\)"/\1/p' "$manifest" | head -n 1)"
		} >>"$list.new"
	done
	mv "$list.new" "$list"
}

# The revision of what is built: what else is changed in the repository makes it no other module.
revision() {
	local revision
	if [[ -f $REPO/revision ]]; then
		cat "$REPO/revision"
	elif revision=$(git -C "$REPO" describe --always --abbrev=12 --match 'v[0-9]*' 2>/dev/null); then
		git -C "$REPO" diff --quiet HEAD -- Cargo.lock Kbuild crypto kernel module netlink protocol || revision+=-dirty
		echo "$revision"
	else
		echo unknown
	fi
}

# What the module says about itself (MODULE_INFO in main.c).
buildinfo() {
	local version
	version=$(sed -n 's/^version = "\(.*\)"/\1/p' "$REPO/Cargo.toml" | head -n 1)
	cat >"$OUT/buildinfo.h.new" <<-H
		/* SPDX-License-Identifier: GPL-2.0 */
		/* What the module says about its making: written by module/build/build.sh. */
		#define WG_BUILD_WORLD "$WORLD"
		#define WG_BUILD_RUSTC "$RUSTC_TEXT"
		#define WG_BUILD_PROBES "$(sha256sum <"$OUT/probes.h" | cut -c1-16)"
		#define WG_BUILD_REVISION "$(revision)"
		#define WG_BUILD_VERSION "$version"
	H
	replace "$OUT/buildinfo.h.new" "$OUT/buildinfo.h"
}

# core depends on the compiler, its sources, the target and the flags, and on nothing of ours.
core_folder() {
	local key
	key=$({ "$RUSTC" -vV; echo "$RUST_LIB_SRC"; cat "$OUT/rust/target.json" "$OUT/rust/common.flags" "$BUILD/compiler_builtins.rs"; printf %s "${RUST_SANITIZER[*]}"; grep '^CORE' "$BUILD/rust.mk"; } |
		sha256sum | cut -c1-16)
	CORE=$WG_CACHE/build/core-$RUSTC_VERSION-$key
}

# The settings of rust.mk, and the flags as files: what depends on them is rebuilt when they change.
settings() {
	local rust=$OUT/rust lints=() plant=(--check-cfg 'cfg(wg_plant)')
	((PLANT == 0)) || plant+=(--cfg wg_plant)
	echo "$TARGET_JSON" | grep -v '^ *$' >"$rust/target.json.new"
	replace "$rust/target.json.new" "$rust/target.json"
	printf '%s\n' "${FLAGS[@]}" >"$rust/common.flags.new"
	replace "$rust/common.flags.new" "$rust/common.flags"
	((WERROR == 0)) || lints=(-Dwarnings)
	printf '%s\n' --edition=2021 --cfg MODULE --check-cfg 'cfg(MODULE, test)' "${plant[@]}" --remap-path-prefix="$REPO/=" --remap-path-prefix="$OUT/=" \
		"-Coverflow-checks=$( ((DEBUG)) && echo y || echo n)" "-Cdebug-assertions=$( ((DEBUG)) && echo y || echo n)" \
		"${lints[@]}" >"$rust/our.flags.new"
	replace "$rust/our.flags.new" "$rust/our.flags"
	CORE=
	[[ $WORLD == rfl ]] || core_folder
	cat >"$rust/config.mk.new" <<-MK
		REPO := $REPO
		BUILD := $BUILD
		WG_MODULE := $WG_MODULE
		OUT := $OUT
		RUSTC := $RUSTC
		CARGO := $CARGO
		RUSTC_MINOR := $RUSTC_MINOR
		RUST_LIB_SRC := ${RUST_LIB_SRC:-}
		LIBCLANG_PATH := $LIBCLANG_PATH
		CLANG_TARGET := $CLANG_TARGET
		CORE := $CORE
		BINDGEN := $BINDGEN
		BINDGEN_BUILT := $([[ $BINDGEN == "$WG_CACHE"/* ]] && echo "$BINDGEN")
		BINDGEN_PINNED := $BINDGEN_PINNED
		RUST_SANITIZER := ${RUST_SANITIZER[*]}
		SIMD_TARGET := $SIMD_TARGET
		SIMD_FLAGS := ${SIMD_FLAGS[*]}
		ADX := $ADX
	MK
	replace "$rust/config.mk.new" "$rust/config.mk"
}

# Each C file appears in out/ under its own name: Kbuild makes objects beside their sources.
link_sources() {
	local file name
	for file in "$OUT"/c/*.c; do
		[[ -L $file && ! -e $file ]] && rm -f "$file"
	done
	for file in "$WG_MODULE"/c/*.c "$REPO/kernel/helpers.c"; do
		[[ -f $file ]] || continue
		# In the rfl world there is no stand-in.
		[[ $WORLD == rfl && $file == "$REPO/kernel/"* ]] && continue
		name=$(basename "$file")
		[[ $file == "$REPO/kernel/"* ]] && name=kernel_$name
		[[ $(readlink "$OUT/c/$name" || true) == "$file" ]] || ln -sf "$file" "$OUT/c/$name"
	done
	cat >"$OUT/Kbuild.new" <<-K
		# SPDX-License-Identifier: GPL-2.0
		wg-repo := $REPO
		wg-out := $OUT
		wg-module := $WG_MODULE
		wg-world := $WORLD
		wg-rustc-minor := $RUSTC_MINOR
		wg-rust := wg_rust.o $SIMD
		wg-adx := $ADX
		wg-debug := $DEBUG
		wg-werror := $WERROR
		wg-plant := $PLANT
		wg-count := ${COUNT:-0}
		include $BUILD/objects.kbuild
	K
	replace "$OUT/Kbuild.new" "$OUT/Kbuild"
}

# The vector code joins as soon as the driver names its crate (the top-level Kbuild looks in the same
# way). Sets SIMD.
vector_code() {
	SIMD=
	grep -rqs --include='*.rs' wg_simd_link "$WG_MODULE" || return 0
	crates "$OUT/rust/wg_simd_raw.o"
	check_simd_object "$OUT/rust/wg_simd_raw.o"
	SIMD=wg_simd.o
}

crates() {
	env -u MAKEFLAGS -u MFLAGS -u MAKELEVEL -u MAKEOVERRIDES -u CC \
		make $([[ -n ${V:-} ]] || echo -s) -f "$BUILD/rust.mk" -j"$JOBS" --no-print-directory CONFIG="$OUT/rust/config.mk" ${V:+V="$V"} "$@"
}

build() {
	probe
	third_party
	buildinfo
	settings
	if [[ $WORLD == rfl ]]; then
		crates "$OUT/rust/bindings.rs"
	else
		crates "$OUT/rust/wg_rust_raw.o"
		check_rust_object "$OUT/rust/wg_rust_raw.o"
	fi
	vector_code
	link_sources
	kmake RUSTC="$RUSTC" M="$OUT" modules
	check_module
	# The world that was built last is the one that tests and `make load` take.
	touch "$OUT/wireguard.ko"
}

main() {
	case ${1:-module} in
	folder)
		read_kernel
		name_folder >/dev/null
		echo "${OUT#"$REPO/out/"}"
		return
		;;
	world)
		read_kernel
		name_folder
		return
		;;
	revision)
		revision
		return
		;;
	# These look at the stand-in, too.
	lint | rustdoc) WORLD=standalone ;;
	esac
	configure
	claim_out
	exec 9>"$OUT/lock"
	flock 9
	local status=0 start=$SECONDS
	# (the subshell keeps `set -e`, which a condition would switch off)
	set +e
	(set -e; case ${1:-module} in
		module) build ;;
		*) probe; third_party; buildinfo; settings; crates "$1" ;;
	esac) 2>&1 | tee "$OUT/build.log"
	status=${PIPESTATUS[0]}
	set -e
	((status == 0)) || exit "$status"
	check_log
	[[ ${1:-module} == module ]] && echo "  READY    ${OUT#"$PWD/"}/wireguard.ko for $RELEASE ($WORLD, rustc $RUSTC_VERSION, $((SECONDS - start)) s)"
	return 0
}

main "$@"
