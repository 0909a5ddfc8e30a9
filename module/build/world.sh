# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Which world a kernel belongs to, and why: rfl (its own Rust crates, Kbuild's own rules) or standalone
# (our core, our stand-in crate). Sourced by build.sh after tools.sh and target.sh.

# Fills the array `obstacles` with what speaks against the rfl world, one reason each.
rfl_obstacles() {
	obstacles=()
	if ! has RUST; then
		obstacles+=("$RELEASE is built without CONFIG_RUST")
		return
	fi
	local file lacking=()
	for file in rust/libkernel.rmeta rust/libcore.rmeta rust/libmacros.so; do
		[[ -f $KDIR/$file ]] || lacking+=("$file")
	done
	# Other architectures use a target that is built into the compiler.
	! has X86_64 || [[ -f $KDIR/scripts/target.json ]] || lacking+=(scripts/target.json)
	((${#lacking[@]} == 0)) || obstacles+=("the kernel has CONFIG_RUST, but KDIR lacks its metadata: ${lacking[*]}")
	local theirs=${config[RUSTC_VERSION_TEXT]:-unknown}
	theirs=${theirs//\"/}
	[[ $theirs == "$RUSTC_TEXT" ]] || obstacles+=("the kernel's compiler is $theirs, this one is $RUSTC_TEXT")
	((${#obstacles[@]})) || rfl_api
}

# Compiles rfl.rs against the kernel's metadata: the compiler, the target and the crate's functions
# are the right ones if that works, and only then.
rfl_api() {
	local dir what target=() sanitizer=()
	dir=$(mktemp -d)
	# (instrumented crates are of use to instrumented ones alone)
	! has KASAN || sanitizer=(-Zsanitizer=kernel-address)
	! has X86_64 || target=("--target=$KDIR/scripts/target.json")
	! has ARM64 || target=(--target=aarch64-unknown-none-softfloat)
	# (the folder's name is relative in the kernel's own flags, and crates remember it)
	if ! (cd "$KDIR" && RUSTC_BOOTSTRAP=1 OBJTREE=$KDIR "$RUSTC" "${target[@]}" "${sanitizer[@]}" -Zunstable-options --edition=2021 -Cpanic=abort \
		--crate-type rlib --crate-name rfl_probe --sysroot=/dev/null -L "$KDIR/rust" --extern kernel \
		@"$KDIR/include/generated/rustc_cfg" --cfg MODULE -Awarnings --out-dir "$dir" --emit=metadata \
		"$BUILD/rfl.rs") >"$dir/log" 2>&1; then
		what="the kernel's crate is not what the driver is written for"
		! grep -q '^error\[E0461\]' "$dir/log" || what="the kernel's crates were not compiled for its scripts/target.json"
		obstacles+=("$what: $(grep -m 1 '^error' "$dir/log" || echo "rustc failed")")
	fi
	rm -rf "$dir"
}

# Sets WORLD, and prints it with the reasons.
choose_world() {
	local asked=${WORLD:-auto} obstacles reason
	case $asked in
	standalone)
		echo "  WORLD    standalone: asked for"
		return
		;;
	auto | rfl) ;;
	*) refuse "WORLD=$asked is unknown: say standalone, rfl or nothing" ;;
	esac
	rfl_obstacles
	if ((${#obstacles[@]} == 0)); then
		WORLD=rfl
		if [[ $asked == rfl ]]; then
			echo "  WORLD    rfl: asked for"
		else
			echo "  WORLD    rfl: $RELEASE has its Rust metadata, and this is its compiler"
		fi
		return
	fi
	if [[ $asked == rfl ]]; then
		refuse "WORLD=rfl: $(printf '%s; ' "${obstacles[@]}" | sed 's/; $//')"
	fi
	WORLD=standalone
	for reason in "${obstacles[@]}"; do
		echo "  WORLD    standalone: $reason"
	done
}
