# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# Boots a release's own kernel in QEMU, the release's folder being its root file system. Sourced.

# What the initial RAM disk needs to mount a folder of the host.
prepare_boot() {
	local root=$1
	printf '%s\n' virtio_pci 9p 9pnet_virtio >"$root/etc/initramfs-tools/modules"
	sed -i 's/^MODULES=.*/MODULES=list/; s/^#* *COMPRESS=.*/COMPRESS=zstd/' "$root/etc/initramfs-tools/initramfs.conf"
	cp "$(dirname "${BASH_SOURCE[0]}")/guest.sh" "$root/guest.sh"
}

# boot ROOT RELEASE rust|stock: fails unless modprobe took that module and a tunnel ran over it.
boot() {
	local root=$1 kernel=$2 expect=$3 log=$1.console
	timeout 900 qemu-system-x86_64 -nodefaults -no-user-config -display none -no-reboot -machine q35 -accel tcg -cpu max,la57=off \
		-smp 1 -m 1024 -kernel "$root/boot/vmlinuz-$kernel" -initrd "$root/boot/initrd.img-$kernel" \
		-append "console=ttyS0 panic=-1 oops=panic no_timer_check random.trust_cpu=on root=host0 rootfstype=9p rootflags=trans=virtio,version=9p2000.L,msize=262144,cache=loose rw init=/guest.sh expect=$expect" \
		-serial "file:$log" -virtfs "local,path=$root,mount_tag=host0,security_model=passthrough,multidevs=remap" </dev/null >"$root.qemu" 2>&1 ||
		fail "QEMU: $(tail -n 3 "$root.qemu")"
	local verdict
	verdict=$(tr -d '\r' <"$log" | sed -n 's/^GUEST \(PASSED\|FAILED\): //p' | tail -n 1)
	if ! grep -q '^GUEST PASSED' "$log"; then
		tail -n 40 "$log" >&2
		fail "$kernel: ${verdict:-the guest said nothing (see $log)}"
	fi
	local complaint
	complaint=$(tr -d '\r' <"$log" | sed -n 's/^GUEST-LOG //p' |
		grep -vE 'loading out-of-tree module taints|module verification failed' || true)
	[[ -z $complaint ]] || fail "$kernel complained: $complaint"
	say BOOTED "$kernel: $verdict"
}
