#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# How DKMS builds the module (dkms.conf): with the distribution's own tools, no network, and nothing
# left outside the folder, which DKMS deletes.
#
#   dkms-build.sh KERNEL_BUILD_FOLDER [what DKMS adds for a kernel made by clang: CC=clang LD=ld.lld]

set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# A warning that a later compiler invents must not stop an upgrade.
exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$here/out" WG_CACHE="$here/out/cache" OUT="$here/out/dkms" KDIR="$1" WERROR=0 \
	bash "$here/module/build/build.sh"
