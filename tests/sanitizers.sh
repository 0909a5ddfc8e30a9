#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# The tests of the cryptography, vector code included, with the address sanitizer, and with all checks
# that rustc has for undefined behaviour (preconditions of unsafe functions, alignment, overflow).
# First a planted fault must be found, and only when the sanitizer is there.
set -euo pipefail
cd "$(dirname "$0")/.."

TARGET=x86_64-unknown-linux-gnu
[[ $(rustc -vV | sed -n 's/^host: //p') == "$TARGET" ]] ||
	{ echo "sanitizers: SKIPPED: the vector code is for $TARGET, this is $(rustc -vV | sed -n 's/^host: //p')"; exit 0; }
runtime=$(rustc --print sysroot)/lib/rustlib/$TARGET/lib
compgen -G "$runtime/librustc*_rt.asan.a" >/dev/null ||
	{ echo "sanitizers: SKIPPED: this toolchain has no runtime of the address sanitizer ($runtime)"; exit 0; }

# The flags are unstable. They are for the target alone, not for what runs while building.
export RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$PWD/target/sanitizers
export RUSTFLAGS="-Zsanitizer=address -Zub-checks=yes -Cdebug-assertions=yes -Coverflow-checks=yes"

# cargo_test MANIFEST ARGS...: the tests of a workspace, built for speed but with the checks above.
cargo_test() {
	cargo test --quiet --release --target "$TARGET" --manifest-path "$@"
}

cargo_test crypto/simd/Cargo.toml --workspace --tests --no-run
for fault in read write; do
	if said=$(cargo_test crypto/simd/Cargo.toml --package wg-simd-link --test planted -- --ignored "$fault" 2>&1); then
		echo "sanitizers: FAILED: the planted $fault was not found" >&2
		exit 1
	fi
	grep -q 'AddressSanitizer: heap-buffer-overflow' <<<"$said" ||
		{ echo "sanitizers: FAILED: the planted $fault was found as: $said" >&2; exit 1; }
	echo "  ok       planted $fault beyond the end: found"
done
cargo_test crypto/simd/Cargo.toml --workspace --tests
cargo_test crypto/Cargo.toml --tests
cargo_test crypto/adx/Cargo.toml --tests
