# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the machine must have: finds each tool, or says in one line what is missing and which Debian
# or Ubuntu command mends it. Sourced by build.sh; every function sets one variable.

RUSTC_FLOOR=85          # minor version of rustc 1.x

missing=0

# lack WHAT HOW: one line, and the build stops once all have been named.
lack() {
	echo "wireguard: missing: $1. $2" >&2
	missing=1
}

need_commands() {
	local pair
	for pair in make:make nm:binutils readelf:binutils sha256sum:coreutils awk:gawk flock:util-linux; do
		command -v "${pair%%:*}" >/dev/null || lack "${pair%%:*}" "Try: apt install ${pair##*:}"
	done
	# Kbuild makes BTF for a module where the kernel's image lies beside its headers.
	if has DEBUG_INFO_BTF_MODULES && [[ -f $KDIR/vmlinux ]] && ! command -v pahole >/dev/null; then
		lack "pahole (this kernel wants BTF in its modules)" "Try: apt install pahole (Ubuntu: dwarves)"
	fi
}

# Sets RUSTC, RUSTC_TEXT, RUSTC_MINOR.
need_rustc() {
	RUSTC=${RUSTC:-rustc}
	local how="Try: apt install rustc (Debian 13), rustc-web (Debian 12), or rustup"
	if ! RUSTC_TEXT=$("$RUSTC" --version 2>/dev/null); then
		lack "rustc 1.$RUSTC_FLOOR or later" "$how"
		RUSTC_MINOR=0
		return
	fi
	RUSTC_VERSION=${RUSTC_TEXT#rustc }
	RUSTC_VERSION=${RUSTC_VERSION%%[ -]*}
	RUSTC_MINOR=${RUSTC_VERSION#1.}
	RUSTC_MINOR=${RUSTC_MINOR%%.*}
	if ((RUSTC_MINOR < RUSTC_FLOOR)); then
		lack "rustc 1.$RUSTC_FLOOR or later (this is $RUSTC_TEXT)" "$how"
	fi
	CARGO=${CARGO:-cargo}
	command -v "$CARGO" >/dev/null || lack cargo "Try: apt install cargo (or cargo-web beside rustc-web)"
}

# A library folder is of use only if it belongs to this very compiler.
rust_src_fits() {
	[[ -f $1/core/src/lib.rs ]] || return 1
	local version=$1/../src/version
	[[ ! -f $version ]] || [[ $(<"$version") == "$RUSTC_VERSION"* ]]
}

# Sets RUST_LIB_SRC.
need_rust_src() {
	((RUSTC_MINOR)) || return 0
	if [[ -n ${RUST_LIB_SRC:-} ]]; then
		rust_src_fits "$RUST_LIB_SRC" && return
		lack "rustc's library sources at RUST_LIB_SRC=$RUST_LIB_SRC" "It must hold core/src/lib.rs of version $RUSTC_VERSION"
		return
	fi
	local folder sysroot
	sysroot=$("$RUSTC" --print sysroot)
	for folder in "$sysroot/lib/rustlib/src/rust/library" "/usr/src/rustc-$RUSTC_VERSION/library" \
		/usr/share/rust-src/library /usr/share/rustc-web/library /usr/lib/rustlib/src/rust/library; do
		if rust_src_fits "$folder"; then
			RUST_LIB_SRC=$folder
			return
		fi
	done
	# What `vm rust-src` has fetched before: its folder says which version it was made of.
	for folder in "$WG_CACHE"/rust-src-*/library; do
		if grep -qs "^rust-src $RUSTC_VERSION\b" "$folder/../made-of" && rust_src_fits "$folder"; then
			RUST_LIB_SRC=$folder
			return
		fi
	done
	lack "rustc's library sources, version $RUSTC_VERSION" \
		"Try: apt install rust-src (rust-web-src beside rustc-web), rustup component add rust-src, or: make rust-src (fetches Debian's package into $WG_CACHE)"
}

# Sets LIBCLANG_PATH to the newest libclang.
need_libclang() {
	[[ -n ${LIBCLANG_PATH:-} ]] && return
	local found
	found=$(printf '%s\n' /usr/lib/llvm*/lib/libclang.so* /usr/lib/llvm*/lib/libclang-[0-9]*.so* \
		/usr/lib/*/libclang-[0-9]*.so* /usr/lib64/libclang.so* /usr/lib/libclang.so* \
		/usr/lib64/llvm*/lib64/libclang.so* /usr/local/lib/libclang.so* | grep -v '\*' |
		while IFS= read -r file; do printf '%s %s\n' "$(basename "$(readlink -f "$file")")" "$file"; done |
		sort -V | tail -n 1 | cut -d' ' -f2-)
	if [[ -z $found ]]; then
		lack "libclang (bindgen reads the kernel's headers with it)" "Try: apt install libclang1-16 (Debian 12), libclang1 (later ones, Ubuntu)"
		return
	fi
	LIBCLANG_PATH=$found
}

# Sets CC_ARGS: what to tell Kbuild about the compiler. Nothing if the kernel's own is here.
need_cc() {
	CC_ARGS=()
	if [[ ${config[CC_IS_CLANG]:-} == y ]]; then
		local wanted=${config[CC_VERSION_TEXT]//\"/} version=
		if [[ -n ${LLVM:-} ]]; then
			CC_ARGS=("LLVM=$LLVM")
		elif [[ -n ${CC:-} ]] && command -v "${CC%% *}" >/dev/null; then
			CC_ARGS=("CC=$CC")
		else
			version=$(sed -n 's/.*clang version \([0-9]*\).*/\1/p' <<<"$wanted")
			if command -v "clang-$version" >/dev/null; then
				CC_ARGS=("LLVM=-$version")
			elif command -v clang >/dev/null; then
				CC_ARGS=("LLVM=1")
			else
				lack "clang (this kernel was built with $wanted)" "Try: apt install clang-$version lld-$version"
			fi
		fi
		return
	fi
	if [[ -n ${CC:-} ]] && command -v "${CC%% *}" >/dev/null; then
		CC_ARGS=("CC=$CC")
		return
	fi
	local own=${config[CC_VERSION_TEXT]//\"/}
	own=${own%% *}
	# Debian's headers name the compiler in a file of their own.
	[[ -f $KDIR/.kernelvariables ]] && own=$(sed -n 's/^CC *=.*[ )]\([a-z0-9_-]*gcc[0-9.-]*\)$/\1/p' "$KDIR/.kernelvariables" | head -n 1)
	if [[ -n $own ]] && command -v "$own" >/dev/null; then
		[[ $own == gcc ]] || CC_ARGS=("CC=$own")
	elif command -v gcc >/dev/null; then
		CC_ARGS=("CC=gcc")
	else
		lack "a C compiler (the kernel's is ${own:-gcc})" "Try: apt install gcc"
	fi
}
