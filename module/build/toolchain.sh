#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# Has this machine what cargo needs to build our own programs? Says what is missing, and which Debian
# command mends it.
#
#   toolchain.sh [lint]      ... and rustfmt and clippy

set -euo pipefail
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

CARGO=${CARGO:-cargo}
packages=(gcc "$PACKAGES_RUST")
find_cargo
need_rustc
command -v cc >/dev/null || lack "a C compiler (cargo links with it)" "Try: apt install gcc"
if [[ ${1:-} == lint ]]; then
	packages+=("$PACKAGES_LINT")
	for tool in fmt clippy; do
		"$CARGO" $tool --version >/dev/null 2>&1 || lack "cargo $tool" "Try: apt install $PACKAGES_LINT, or rustup component add rustfmt clippy"
	done
fi
stop_if_missing "${packages[@]}"
