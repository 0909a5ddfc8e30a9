# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the scripts of this folder share. Sourced.

set -euo pipefail
export LC_ALL=C
umask 022

REPO=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
NAME=wireguard-rs
# One version for all: that of the workspace.
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' "$REPO/Cargo.toml" | head -n 1)

# Crates that go into the module; the others serve tests on a host.
CRATES=(fiat-crypto graviola subtle zeroize)
# Of graviola only what crypto/adx compiles. Its package has no text of its licences; the files name them.
GRAVIOLA=(Cargo.toml README.md $(sed -n 's|.*"@GRAVIOLA@/\(.*\)".*|\1|p' "$REPO/crypto/adx/graviola.in"))

fail() {
	echo "wireguard: $1" >&2
	exit 1
}

say() {
	printf '  %-8s %s\n' "$1" "$2"
}

need() {
	command -v "$1" >/dev/null || fail "$1 is missing. Try: apt install $2"
}
