# SPDX-License-Identifier: GPL-2.0
# What tools expect of a machine that has booted like others: files in /etc that can be changed,
# devices that udev knows, a message bus. Sourced after lib.sh.

# What they make is for everybody to find.
umask 022

# writable: makes /etc a copy in memory.
writable() {
	cp -a /etc /run/etc
	mount --bind /run/etc /etc
}

# udev: starts it, and waits until it knows the devices that are there.
udev() {
	/usr/lib/systemd/systemd-udevd --daemon 2>/run/udev.log
	udevadm trigger --action=add --subsystem-match=net
	udevadm settle --timeout=60
}

# bus: the system's message bus.
bus() {
	mkdir -p /run/dbus
	[ -s /etc/machine-id ] || dbus-uuidgen >/etc/machine-id
	dbus-daemon --system --fork
}
