# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the target kernel asks of a Rust compiler: the refusals, the target description and
# the flags, all read from the kernel's configuration. Sourced by build.sh after tools.sh.
# Each architecture has one function here (target_x86_64, target_arm64) and nothing elsewhere.

refuse() {
	echo "wireguard: refused: $1" >&2
	exit 1
}

# Fills the associative array `config` with the kernel's settings, names without CONFIG_.
read_config() {
	declare -gA config=()
	local name value
	while IFS='=' read -r name value; do
		config[${name#CONFIG_}]=$value
	done < <(grep '^CONFIG_[A-Za-z0-9_]*=' "$KDIR/include/config/auto.conf")
}

has() {
	[[ ${config[$1]:-} == y ]]
}

# Is there a kernel build folder, and is it prepared? Sets KDIR, RELEASE.
find_kernel() {
	local how="install the headers (apt install linux-headers-\$(uname -r)) or run 'make modules_prepare' there"
	[[ -f $KDIR/Makefile ]] || refuse "KDIR=$KDIR is no kernel build folder: $how, or say KDIR=<folder>"
	KDIR=$(cd "$KDIR" && pwd -P)
	local file
	for file in include/config/auto.conf include/generated/autoconf.h include/generated/utsrelease.h; do
		[[ -f $KDIR/$file ]] || refuse "KDIR=$KDIR is not prepared ($file is missing): $how"
	done
	[[ -s $KDIR/Module.symvers ]] || refuse "KDIR=$KDIR has no Module.symvers (the kernel's exports): build the kernel there, or $how"
	RELEASE=$(sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "$KDIR/include/generated/utsrelease.h")
	[[ -n $RELEASE ]] || refuse "KDIR=$KDIR names no kernel release in include/generated/utsrelease.h"
}

# Configurations whose code or layouts we cannot match.
refuse_config() {
	has MODULES || refuse "$RELEASE has no loadable modules (CONFIG_MODULES)"
	has 64BIT || refuse "$RELEASE is a 32-bit kernel"
	local name
	for name in GCC_PLUGIN_RANDSTRUCT RANDSTRUCT RANDSTRUCT_FULL RANDSTRUCT_PERFORMANCE; do
		has $name && refuse "$RELEASE shuffles its structures (CONFIG_$name), and Rust cannot know how"
	done
	for name in LTO_CLANG CFI_CLANG CFI; do
		has $name && refuse "$RELEASE is built with CONFIG_$name, which this build cannot match"
	done
	has SHADOW_CALL_STACK && ! has DYNAMIC_SCS && refuse "$RELEASE is built with CONFIG_SHADOW_CALL_STACK, which this build cannot match"
	((PLANT == 0)) || has KASAN || refuse "faults are planted (PLANT=1) only where a kernel looks for them, and $RELEASE has no CONFIG_KASAN"
	grep -q '	udp_tunnel_xmit_skb	' "$KDIR/Module.symvers" ||
		refuse "$RELEASE does not export UDP tunnels (CONFIG_NET_UDP_TUNNEL), which WireGuard sends through"
	return 0
}

# x86-64, native or User-Mode Linux. Sets TARGET_JSON and adds to FLAGS.
target_x86_64() {
	local features=-mmx,-sse,-sse2,-sse3,-ssse3,-sse4.1,-sse4.2,-avx,-avx2,+soft-float abi= sanitizers= width=64
	if has RETPOLINE || has MITIGATION_RETPOLINE; then
		features+=,+retpoline-external-thunk,+retpoline-indirect-branches,+retpoline-indirect-calls
	fi
	if has SLS || has MITIGATION_SLS; then
		features+=,+harden-sls-ijmp,+harden-sls-ret
	fi
	if ((RUSTC_MINOR >= 98)); then
		abi='"rustc-abi": "softfloat",'
	elif ((RUSTC_MINOR >= 86)); then
		abi='"rustc-abi": "x86-softfloat",'
	fi
	has KASAN && sanitizers='"supported-sanitizers": ["kernel-address"],'
	((RUSTC_MINOR >= 91)) || width='"64"'
	# The kernel's stack is aligned to 8 bytes where the compiler's x86-64 expects 16.
	FLAGS+=(-Cno-redzone=y -Ctarget-cpu=x86-64 -Ztune-cpu=generic -Zllvm_module_flag=override-stack-alignment:u32:8:max)
	if has UML; then
		FLAGS+=(-Ccode-model=large)
	else
		FLAGS+=(-Ccode-model=kernel)
	fi
	if ((RUSTC_MINOR >= 93)); then
		FLAGS+=(-Cjump-tables=n)
	else
		FLAGS+=(-Zno-jump-tables)
	fi
	if has RETHUNK || has MITIGATION_RETHUNK; then
		FLAGS+=(-Zfunction-return=thunk-extern)
	fi
	has X86_KERNEL_IBT && FLAGS+=(-Zcf-protection=branch)
	if has CALL_PADDING; then
		local bytes=${config[FUNCTION_PADDING_BYTES]:-16}
		FLAGS+=("-Zpatchable-function-entry=$bytes,$bytes")
	fi
	TARGET_JSON=$(cat <<-JSON
		{
		  "arch": "x86_64",
		  "data-layout": "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128",
		  "emit-debug-gdb-scripts": false,
		  "features": "$features",
		  "frame-pointer": "may-omit",
		  "llvm-target": "x86_64-linux-gnu",
		  $abi$sanitizers
		  "stack-probes": {"kind": "none"},
		  "target-pointer-width": $width
		}
	JSON
	)
	CLANG_TARGET=x86_64-linux-gnu
	SIMD_TARGET=x86_64-unknown-linux-gnu
	# That code uses the frame pointer for something else, and objtool minds where the kernel unwinds by it.
	if has UML || ! has FRAME_POINTER; then
		ADX=y
	fi
	# The return thunk makes this hardening needless; elsewhere it costs a warning (see check_log).
	if { has SLS || has MITIGATION_SLS; } && ! { has RETHUNK || has MITIGATION_RETHUNK; }; then
		SIMD_FLAGS=(-Ctarget-feature=+harden-sls-ijmp,+harden-sls-ret)
	fi
}

target_arm64() {
	refuse "arm64 has no target description yet (module/build/target.sh)"
}

# A kernel with the address sanitizer gets it in Rust as well, with the parameters of its own C
# (scripts/Makefile.kasan): a check before each access, against the shadow at the kernel's offset.
# Adds to FLAGS and SIMD_FLAGS, and sets RUST_SANITIZER.
instrument() {
	has KASAN || return 0
	has KASAN_GENERIC || refuse "$RELEASE has an address sanitizer of a kind that this build cannot match (only CONFIG_KASAN_GENERIC)"
	local calls=0 parameter parameters
	has KASAN_INLINE && calls=10000
	parameters=("asan-mapping-offset=${config[KASAN_SHADOW_OFFSET]}" "asan-instrumentation-with-call-threshold=$calls"
		"asan-stack=$(has KASAN_STACK && echo 1 || echo 0)" asan-globals=1)
	has CC_HAS_KASAN_MEMINTRINSIC_PREFIX && parameters+=(asan-kernel-mem-intrinsic-prefix=1)
	for parameter in "${parameters[@]}"; do
		FLAGS+=("-Cllvm-args=-$parameter")
	done
	RUST_SANITIZER=(-Zsanitizer=kernel-address -Zsanitizer-recover=kernel-address)
	# The target of the vector code is the host's, which knows the sanitizer of programs alone: the same
	# pass of the compiler, told that this is a kernel.
	SIMD_FLAGS+=(-Zsanitizer=address -Cllvm-args=-asan-kernel=1 -Cllvm-args=-asan-recover=1)
}

# Everything rustc is told for every crate, core included. Sets FLAGS, TARGET_JSON, CLANG_TARGET, and
# SIMD_TARGET and SIMD_FLAGS for the vector code, RUST_SANITIZER for all other, and ADX if crypto/adx
# can be a part of it.
choose_target() {
	SIMD_FLAGS=() RUST_SANITIZER=() ADX=
	FLAGS=(-Cpanic=abort -Cforce-unwind-tables=n -Ccodegen-units=1 -Csymbol-mangling-version=v0
		-Crelocation-model=static -Zfunction-sections=n -Copt-level=2)
	if has FRAME_POINTER; then
		FLAGS+=(-Cforce-frame-pointers=y)
		((RUSTC_MINOR >= 98)) || FLAGS+=(-Zllvm_module_flag=frame-pointer:u32:2:max)
	fi
	((RUSTC_MINOR >= 95)) && FLAGS+=(-Zunstable-options)
	if has X86_64; then
		target_x86_64
	elif has ARM64; then
		target_arm64
	else
		refuse "$RELEASE is neither x86-64 nor arm64"
	fi
	instrument
}
