# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# A clean Debian release as a folder: made once, kept in the cache outside the repository. Sourced.
#
# Environment: WG_MIRROR, WG_MIRROR_SECURITY (else the mirrors of the machine's own apt).

CACHE=${WG_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/wireguard-rs}/package

# What a test needs in a release beside the release itself.
TOOLS=(initramfs-tools iproute2 iputils-ping kmod linux-base wireguard-tools zstd)

fail() {
	echo "package: $1" >&2
	exit 1
}

say() {
	printf '  %-8s %s\n' "$1" "$2"
}

# Sets MIRROR and MIRROR_SECURITY.
find_mirrors() {
	local all
	all=$(apt-get indextargets --format '$(REPO_URI)' "Created-By: Packages" | grep /debian)
	MIRROR=${WG_MIRROR:-$(grep -v security <<<"$all" | head -n 1)}
	MIRROR_SECURITY=${WG_MIRROR_SECURITY:-$(grep security <<<"$all" | head -n 1)}
	[[ -n $MIRROR && -n $MIRROR_SECURITY ]] || fail "this machine's apt has no Debian mirror: set WG_MIRROR and WG_MIRROR_SECURITY"
}

# Runs in namespaces of its own: mounts what a release needs, and becomes the command inside it.
enter() {
	set -e
	local root=$1 archives=$2
	shift 2
	mount -t proc proc "$root/proc"
	mount -t sysfs -o ro sys "$root/sys" 2>/dev/null || true
	mount --bind "$archives" "$root/var/cache/apt/archives"
	exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# inside ROOT CMD...: runs a command in a release. INSIDE=--net cuts it off from the network.
inside() {
	local root=$1
	shift
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	unshare ${INSIDE:-} --mount --pid --fork --propagation private \
		bash -c "$(declare -f enter); enter \"\$@\"" enter "$root" "$CACHE/archives/$SUITE" "$@"
}

# install ROOT PACKAGE...: fetches, then installs with no network.
install() {
	local root=$1
	shift
	inside "$root" apt-get -o Dpkg::Use-Pty=0 install -y -qq --no-install-recommends --download-only "$@" >>"$root.log" 2>&1 &&
		INSIDE=--net inside "$root" apt-get -o Dpkg::Use-Pty=0 install -y -qq --no-install-recommends "$@" >>"$root.log" 2>&1 ||
		{
			tail -n 40 "$root.log" >&2
			fail "could not install $* (see $root.log)"
		}
}

# release SUITE: makes the folder $CACHE/SUITE if it is not there. Packages are kept in $CACHE/archives/SUITE.
release() {
	local suite=$1 root=$CACHE/$1
	SUITE=$suite
	mkdir -p "$CACHE/archives/$suite/partial"
	[[ -f $root.ready && $(<"$root.ready") == "${TOOLS[*]}" ]] && return
	command -v mmdebstrap >/dev/null || fail "mmdebstrap is missing. Try: apt install mmdebstrap"
	find_mirrors
	say RELEASE "$suite (once)"
	rm -rf --one-file-system "$root" "$root.ready"
	mmdebstrap --quiet --mode=root --variant=minbase --skip=cleanup/apt/lists "$suite" "$root" \
		"deb $MIRROR $suite main" "deb $MIRROR $suite-updates main" "deb $MIRROR_SECURITY $suite-security main" >/dev/null
	# The folder can be made again: no waiting for the disk. No service is started in here.
	echo force-unsafe-io >"$root/etc/dpkg/dpkg.cfg.d/unsafe-io"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	: >"$root.log"
	install "$root" "${TOOLS[@]}"
	echo "${TOOLS[*]}" >"$root.ready"
}
