#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `make deb`: out/wireguard-rs-dkms_<version>_all.deb, made of the source tarball with dpkg-deb alone.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# What the module is built from; tests, tools and pages are not.
SOURCES=(Cargo.lock Cargo.toml Kbuild LICENSE Makefile crypto/adx/graviola.in crypto/adx/src crypto/simd/link crypto/simd/src crypto/src kernel module netlink/src
	package protocol/src revision vendor)
PAGES=(README.md SECURITY.md docs)

# Replaces @VERSION@ in a file of this folder.
fill() {
	sed -e "s/@VERSION@/$VERSION/g" -e "s/@SIZE@/${SIZE:-}/" "$REPO/package/debian/$1"
}

main() {
	local out=$REPO/out root source pages file
	need dpkg-deb dpkg
	bash "$REPO/package/dist.sh"
	TEMP=$(mktemp -d "$out/deb.XXXXXX")
	trap 'rm -rf "$TEMP"' EXIT
	root=$TEMP/root source=$TEMP/root/usr/src/$NAME-$VERSION pages=$TEMP/root/usr/share/doc/$NAME-dkms
	mkdir -p "$root/DEBIAN" "$source" "$pages"
	tar -C "$TEMP" -xzf "$out/$NAME-$VERSION.tar.gz"
	(cd "$TEMP/$NAME-$VERSION" && tar -c "${SOURCES[@]}") | tar -x -C "$source"
	(cd "$TEMP/$NAME-$VERSION" && tar -c "${PAGES[@]}") | tar -x -C "$pages"
	fill dkms.conf >"$source/dkms.conf"
	{
		fill copyright
		for file in "$source"/vendor/*/LICENSE*; do
			printf '\n--- %s\n\n' "${file#"$source/vendor/"}"
			cat "$file"
		done
	} >"$pages/copyright"
	SIZE=$(du -k -s --apparent-size "$root/usr" | cut -f1)
	fill control >"$root/DEBIAN/control"
	for file in postinst prerm; do
		fill "$file" >"$root/DEBIAN/$file"
		chmod 755 "$root/DEBIAN/$file"
	done
	(cd "$root" && find usr -type f -print0 | sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
	file=$NAME-dkms_${VERSION}_all.deb
	dpkg-deb --root-owner-group -Zxz --build "$root" "$TEMP/$file" >/dev/null
	mv "$TEMP/$file" "$out/"
	say DEB "out/$file ($(du -k "$out/$file" | cut -f1) KiB)"
}

main
