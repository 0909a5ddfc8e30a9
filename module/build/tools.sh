# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the machine must have: finds each tool, or says in one line what is missing and which Debian
# or Ubuntu command mends it. Sourced by build.sh; every function sets one variable.

RUSTC_FLOOR=85          # minor version of rustc 1.x
BINDGEN_FLOOR=60        # minor version of bindgen 0.x
BINDGEN_PINNED=0.72.1   # what cargo builds where there is none

missing=0

# lack WHAT HOW: one line, and the build stops once all have been named.
lack() {
	echo "wireguard: missing: $1. $2" >&2
	missing=1
}

# Debian's names. Its release 12 has a later compiler beside its own, for browsers.
PACKAGES_RUST="rustc rust-src cargo" PACKAGES_LINT="rustfmt rust-clippy" PACKAGE_LIBCLANG=libclang1
if grep -qs '^VERSION_CODENAME=bookworm' /etc/os-release; then
	PACKAGES_RUST="rustc-web rust-web-src cargo-web" PACKAGES_LINT="rustfmt-web rust-web-clippy" PACKAGE_LIBCLANG=libclang1-14
fi

# stop_if_missing PACKAGE...: ends here if something was named, with the packages that bring all of it.
stop_if_missing() {
	((missing)) || return 0
	if grep -qsE '^ID=debian' /etc/os-release; then
		echo "wireguard: all of this at once: apt install $*" >&2
	fi
	exit 1
}

need_commands() {
	local pair
	for pair in make:make nm:binutils readelf:binutils strings:binutils sha256sum:coreutils awk:gawk flock:util-linux; do
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
	local how="Try: apt install $PACKAGES_RUST, or rustup"
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
}

# Cargo fetches crates and builds bindgen: who has both already does without. Sets CARGO.
need_cargo() {
	CARGO=${CARGO:-cargo}
	[[ -d $REPO/vendor && ${BINDGEN:-} != "$WG_CACHE"/* ]] && return
	[[ -d $REPO/vendor && -x ${BINDGEN:-} ]] && return
	find_cargo
}

# An older one does not read Cargo.lock.
find_cargo() {
	local text how="Try: apt install ${PACKAGES_RUST##* }, or rustup"
	if ! text=$("$CARGO" --version 2>/dev/null); then
		lack "cargo 1.$RUSTC_FLOOR or later" "$how"
		return
	fi
	local minor=${text#cargo 1.}
	((${minor%%.*} >= RUSTC_FLOOR)) || lack "cargo 1.$RUSTC_FLOOR or later (this is $text)" "$how"
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

# Sets BINDGEN: the user's, or the one in PATH, or the place where cargo is to build one (BINDGEN=cargo
# asks for that).
need_bindgen() {
	local text pinned=$WG_CACHE/build/bindgen-$BINDGEN_PINNED/bin/bindgen
	BINDGEN_MINOR=72
	case ${BINDGEN:-} in
	cargo) BINDGEN=$pinned ;;
	# The bare name is Kbuild's own default, not an answer of the user's.
	'' | bindgen)
		BINDGEN=$pinned
		text=$(bindgen --version 2>/dev/null) || return 0
		text=${text##* }
		[[ $text == 0.* ]] || return 0
		text=${text#0.}
		((${text%%.*} >= BINDGEN_FLOOR)) || return 0
		BINDGEN=$(command -v bindgen) BINDGEN_MINOR=${text%%.*}
		;;
	*)
		text=$("$BINDGEN" --version 2>/dev/null) || lack "bindgen at BINDGEN=$BINDGEN" "Try: apt install bindgen"
		BINDGEN=$(command -v "$BINDGEN")
		text=${text##*0.}
		BINDGEN_MINOR=${text%%.*}
		;;
	esac
}

# Sets LIBCLANG_PATH to the newest libclang that bindgen understands.
need_libclang() {
	[[ -n ${LIBCLANG_PATH:-} ]] && return
	local file version best=0 ceiling=999 how="Try: apt install libclang1"
	# Before 0.62 bindgen takes what libclang 16 says of structures without a name for their name.
	((BINDGEN_MINOR >= 62)) || ceiling=15
	for file in /usr/lib/llvm*/lib/libclang.so* /usr/lib/llvm*/lib/libclang-[0-9]*.so* \
		/usr/lib/*/libclang-[0-9]*.so* /usr/lib64/libclang.so* /usr/lib/libclang.so* \
		/usr/lib64/llvm*/lib64/libclang.so* /usr/local/lib/libclang.so*; do
		[[ -e $file ]] || continue
		version=$(basename "$(readlink -f "$file")")
		version=$(sed -n 's/^libclang-\([0-9]*\).*/\1/p; s/^libclang\.so\.\([0-9]*\).*/\1/p' <<<"$version")
		if ((${version:-0} > best && ${version:-0} <= ceiling)); then
			best=$version
			LIBCLANG_PATH=$file
		fi
	done
	((best)) && return
	if [[ -r /etc/os-release ]] && grep -q '^VERSION_CODENAME=bookworm' /etc/os-release; then
		how="Try: apt install libclang1-$( ((ceiling == 999)) && echo 16 || echo 14)"
	elif ((ceiling < 999)); then
		how="Try: apt install libclang1-14, or BINDGEN=cargo"
	fi
	lack "libclang (bindgen reads the kernel's headers with it)" "$how"
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
