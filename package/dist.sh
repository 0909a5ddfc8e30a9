#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `make dist`: out/wireguard-rs-<version>.tar.gz, which builds with no network. It holds what git
# tracks, the sources of the crates that go into the module (vendor/) and the revision.

. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# vendor FOLDER: the crates, as cargo has them, in the versions of Cargo.lock.
vendor() {
	local crate manifest metadata
	local -a files
	if [[ -d $REPO/vendor ]]; then
		cp -r "$REPO/vendor" "$1"
		return
	fi
	bash "$REPO/module/build/toolchain.sh" || exit 1
	(cd "$REPO" && cargo fetch --locked --quiet)
	metadata=$(cd "$REPO" && cargo metadata --locked --offline --format-version 1 | tr ',' '\n')
	mkdir -p "$1"
	for crate in "${CRATES[@]}"; do
		manifest=$(sed -n "s|.*\"manifest_path\":\"\([^\"]*/$crate-[0-9][^\"]*/Cargo.toml\)\".*|\1|p" <<<"$metadata" | head -n 1)
		[[ -f $manifest ]] || fail "cargo does not know where $crate is"
		mkdir "$1/$crate"
		files=(Cargo.toml 'README*' src 'LICENSE*')
		[[ $crate != graviola ]] || files=("${GRAVIOLA[@]}")
		# shellcheck disable=SC2068 # the patterns are for the shell
		(cd "${manifest%/Cargo.toml}" && cp -r --parents ${files[@]} "$1/$crate/")
	done
}

main() {
	local out=$REPO/out name=$NAME-$VERSION
	mkdir -p "$out"
	TEMP=$(mktemp -d "$out/dist.XXXXXX")
	trap 'rm -rf "$TEMP"' EXIT
	mkdir "$TEMP/$name"
	if [[ -f $REPO/revision ]]; then
		(cd "$REPO" && tar -c --exclude=./out --exclude=./target --exclude=./vendor --exclude=.git .) | tar -x -C "$TEMP/$name"
	else
		need git git
		(cd "$REPO" && git ls-files -z | tar -c --null --files-from=- --ignore-failed-read) | tar -x -C "$TEMP/$name"
		git -C "$REPO" describe --always --dirty --abbrev=12 --match 'v[0-9]*' >"$TEMP/$name/revision"
	fi
	vendor "$TEMP/$name/vendor"
	local date
	date=$(git -C "$REPO" log -1 --format=%ct 2>/dev/null || stat -c %Y "$REPO/revision")
	tar -C "$TEMP" -c --sort=name --mtime="@$date" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX "$name" |
		gzip -n >"$TEMP/$name.tar.gz"
	mv "$TEMP/$name.tar.gz" "$out/"
	say DIST "out/$name.tar.gz ($(du -k "$out/$name.tar.gz" | cut -f1) KiB, $(<"$TEMP/$name/revision"))"
}

main
