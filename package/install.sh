#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `make install` and `make uninstall`: puts the module that was built for a kernel where modprobe prefers
# it to the kernel's own, or takes it away again.
#
# Environment: KDIR (the kernel), INSTALL_MOD_PATH (another root), SIGN_KEY and SIGN_CERT (for Secure
# Boot; those of DKMS if it has some).

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
PATH=$PATH:/sbin:/usr/sbin
KDIR=${KDIR:-/lib/modules/$(uname -r)/build}
ROOT=${INSTALL_MOD_PATH:-}

release() {
	sed -n 's/^#define UTS_RELEASE "\(.*\)"/\1/p' "$KDIR/include/generated/utsrelease.h" 2>/dev/null ||
		fail "KDIR=$KDIR is no prepared kernel build folder"
}

# Signs a module where there is a key. A kernel under Secure Boot loads nothing else.
sign() {
	local key=${SIGN_KEY:-/var/lib/dkms/mok.key} cert=${SIGN_CERT:-/var/lib/dkms/mok.pub}
	if [[ -f $key && -f $cert && -x $KDIR/scripts/sign-file ]]; then
		"$KDIR/scripts/sign-file" sha256 "$key" "$cert" "$1"
		say SIGN "with $key"
	elif [[ -n ${SIGN_KEY:-} ]]; then
		fail "cannot sign: $key, $cert or $KDIR/scripts/sign-file is missing"
	fi
}

install_module() {
	local release ko to
	release=$(release)
	to=$ROOT/lib/modules/$release
	# Of two worlds, the one that was built last.
	ko=$(ls -t "$REPO/out/$release/wireguard.ko" "$REPO/out/$release-rfl/wireguard.ko" 2>/dev/null | head -n 1 || true)
	[[ -n $ko ]] || fail "nothing is built for $release: make module"
	[[ -d $to ]] || fail "$to is not there: is this kernel installed?"
	[[ ! -e $to/updates/dkms/wireguard.ko && ! -e $to/updates/dkms/wireguard.ko.xz ]] ||
		fail "the DKMS package is installed for $release: remove one of the two (apt remove $NAME-dkms)"
	mkdir -p "$to/updates"
	strip -g -o "$to/updates/wireguard.ko.new" "$ko"
	sign "$to/updates/wireguard.ko.new"
	mv "$to/updates/wireguard.ko.new" "$to/updates/wireguard.ko"
	depmod -b "${ROOT:-/}" "$release"
	say INSTALL "$to/updates/wireguard.ko ($(modinfo -F revision "$to/updates/wireguard.ko"))"
}

uninstall_module() {
	local release file
	release=$(release)
	file=$ROOT/lib/modules/$release/updates/wireguard.ko
	[[ -f $file ]] || fail "nothing of ours is installed for $release"
	rm "$file"
	rmdir --ignore-fail-on-non-empty "${file%/*}"
	depmod -b "${ROOT:-/}" "$release"
	say REMOVE "$file"
}

[[ -n $ROOT || $(id -u) == 0 ]] || fail "only root may do this: sudo make $1"
case $1 in
install) install_module ;;
uninstall) uninstall_module ;;
*) fail "say install or uninstall" ;;
esac
