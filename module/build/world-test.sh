#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0
# Asks world.sh which world a kernel belongs to, with each reason against the rfl world planted in turn.
# KDIR is the build folder of a kernel with Rust and its metadata, built by the rustc in use. Called by
# `make test-rfl`.
set -euo pipefail
export LC_ALL=C

BUILD=$(cd "$(dirname "$0")" && pwd)
WORK=$(mktemp -d)
trap 'rm -rf "$WORK"' EXIT

# fresh: a build folder like KDIR, in which files can be taken out and replaced.
fresh() {
	local folder
	rm -rf "$WORK/kdir"
	mkdir -p "$WORK/kdir"
	ln -s "$KDIR"/* "$WORK/kdir/"
	for folder in include include/config rust scripts; do
		rm "$WORK/kdir/$folder"
		mkdir "$WORK/kdir/$folder"
		ln -s "$KDIR/$folder"/* "$WORK/kdir/$folder/"
	done
}

# said NAME TEXT [VARIABLE=VALUE...]: what build.sh says of $WORK/kdir has that text.
said() {
	local name=$1 text=$2 all
	shift 2
	all=$(env -u WORLD KDIR="$WORK/kdir" "$@" bash "$BUILD/build.sh" world 2>&1) || true
	if ! grep -qF -- "$text" <<<"$all"; then
		printf 'world: FAILED: %s: expected "%s", and this was said:\n%s\n' "$name" "$text" "$all" >&2
		exit 1
	fi
	printf '  ok       %s: %s\n' "$name" "$(grep -F -- "$text" <<<"$all" | head -n 1 | sed 's/^ *//')"
}

fresh
said "nothing against it" "WORLD    rfl: "
said "asked for standalone" "WORLD    standalone: asked for" WORLD=standalone
said "asked for rfl" "WORLD    rfl: asked for" WORLD=rfl
said "asked for a world that is none" "refused: WORLD=other is unknown" WORLD=other

for file in libkernel.rmeta libcore.rmeta libmacros.so; do
	fresh
	rm "$WORK/kdir/rust/$file"
	said "no metadata" "standalone: the kernel has CONFIG_RUST, but KDIR lacks its metadata: rust/$file"
done
said "rfl without metadata" "refused: WORLD=rfl: the kernel has CONFIG_RUST, but KDIR lacks its metadata" WORLD=rfl

# A compiler that is the same but for its name.
printf '#!/bin/sh\n[ "$*" != --version ] || { echo "rustc 1.94.0 (planted)"; exit; }\nexec %q "$@"\n' \
	"$(command -v "${RUSTC:-rustc}")" >"$WORK/rustc"
chmod +x "$WORK/rustc"
fresh
said "another compiler" "this one is rustc 1.94.0 (planted)" RUSTC="$WORK/rustc"
rm "$WORK/kdir/rust/libmacros.so"
said "two reasons, the first" "lacks its metadata" RUSTC="$WORK/rustc"
said "two reasons, the second" "this one is rustc 1.94.0" RUSTC="$WORK/rustc"

if grep -q '^CONFIG_X86_64=y' "$KDIR/include/config/auto.conf"; then
	fresh
	rm "$WORK/kdir/scripts/target.json"
	said "no target file" "lacks its metadata: scripts/target.json"
	sed 's/"data-layout": *"[^"]*"/&, "vendor": "planted"/' "$KDIR/scripts/target.json" >"$WORK/kdir/scripts/target.json"
	said "another target file" "standalone: the kernel's crates were not compiled for its scripts/target.json"
else
	echo "  SKIPPED  target file: this architecture's target is built into the compiler"
fi

fresh
rm "$WORK/kdir/include/config/auto.conf"
grep -v '^CONFIG_RUST=' "$KDIR/include/config/auto.conf" >"$WORK/kdir/include/config/auto.conf"
said "no Rust" "is built without CONFIG_RUST"

fresh
rm "$WORK/kdir/rust/libkernel.rmeta"
cp "$KDIR/rust/libffi.rmeta" "$WORK/kdir/rust/libkernel.rmeta"
said "another crate" "standalone: the kernel's crate is not what the driver is written for: error"
