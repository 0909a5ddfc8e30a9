# SPDX-License-Identifier: GPL-2.0
# WireGuard for Linux in Rust: `make help` says what there is. The build itself is in module/build/.

KDIR ?= /lib/modules/$(shell uname -r)/build
VM := cargo run --quiet --release --package wg-vm --bin vm --
TOOLCHAIN := bash module/build/toolchain.sh
BUILD := KDIR="$(KDIR)" bash module/build/build.sh

# What is not set stays unset: an empty RUSTC is no compiler.
$(foreach v,WORLD CC LLVM RUSTC RUST_LIB_SRC BINDGEN LIBCLANG_PATH DEBUG WERROR V JOBS PLANT,\
	$(if $(value $(v)),$(eval export $(v))))

# `make` has a CC of its own, which is not an answer to "which compiler did the user choose?".
ifeq ($(origin CC),default)
unexport CC
endif

# One processor for the whole run, the last: interrupts prefer the first.
PINNED := $(if $(shell command -v taskset),taskset -c $(shell expr $$(nproc) - 1))

# The host packages that the tool needs, and those that the named kernels are built with; first of all,
# what the tool itself is made with.
define setup
	@$(TOOLCHAIN)
	@test -e target/release/vm || echo "  CARGO    vm, the tool that boots machines (once, a minute or two)"
	@$(VM) setup $(1)
endef

.PHONY: all module load unload bench bench-vm bench-worlds test test-host test-constant-time test-sanitizers test-fuzz fuzz test-module test-vm test-attack test-matrix test-rfl test-debug test-plants test-faults storm fuzz-vm debug-kernel demo lint rustdoc rust-src \
	install uninstall dist deb test-package test-package-short audit clean help

all: module

module:
	@$(BUILD)

load:
	@KDIR="$(KDIR)" bash module/build/load.sh load

unload:
	@bash module/build/load.sh unload

install: module
	@KDIR="$(KDIR)" bash package/install.sh install

uninstall:
	@KDIR="$(KDIR)" bash package/install.sh uninstall

dist:
	@bash package/dist.sh

deb:
	@bash package/deb.sh

# The package in Debian 12 and 13, from apt to removal; the short form builds from its sources alone.
test-package: deb
	@bash tests/package/run $(ARGS)

test-package-short: deb
	$(setup)
	@$(VM) prepare rust-src debian-5.10
	@bash tests/package/short "$$($(VM) kdir debian-5.10)"

# The machines of the demo.
KERNEL ?= qemu-5.10
world := $(if $(WORLD),--world $(WORLD))

# What the two targets below need is prepared once, in a cache outside of the repository.
demo:
	$(setup)
	@$(VM) prepare rust-src $(KERNEL) rootfs
	@$(VM) build $(world) $(KERNEL)
	@$(VM) demo --on $(KERNEL) $(world) $(ARGS)

test: test-host test-constant-time test-sanitizers test-fuzz test-module test-package-short test-vm

test-host:
	@$(TOOLCHAIN) lint
	cargo fmt --check
	cargo clippy --quiet --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --quiet --workspace --no-deps --lib
	bash module/build/check-test.sh
	bash module/build/contract-test.sh
	cargo fmt --check --manifest-path kernel/Cargo.toml
	rustfmt --check --edition 2021 module/lib.rs
	cargo test --quiet --manifest-path kernel/Cargo.toml --target-dir target
	cargo test --quiet --workspace
	cargo test --quiet --manifest-path crypto/simd/Cargo.toml --workspace --release
	cargo clippy --quiet --manifest-path tests/conformance/Cargo.toml --target-dir target --all-targets -- -D warnings
	cargo test --quiet --manifest-path tests/conformance/Cargo.toml --target-dir target
	RUSTFLAGS="--cfg loom" cargo test --quiet --package wg-protocol --release --target-dir target/loom --test 'loom*'

test-constant-time:
	$(setup)
	cargo clippy --quiet --manifest-path tests/constant-time/Cargo.toml -- -D warnings
	cargo run --quiet --release --manifest-path tests/constant-time/Cargo.toml

test-sanitizers:
	bash tests/sanitizers.sh

# The kept inputs, three seconds more of each target, and faults that must be found.
test-fuzz:
	$(setup)
	cargo fmt --check --manifest-path tests/fuzz/Cargo.toml
	@tests/fuzz/run --lint
	@tests/fuzz/run --short
	@tests/fuzz/run --self-check

fuzz:
	@tests/fuzz/run --seconds $(or $(SECONDS),600) $(TARGET)

test-module:
	$(setup)
	@$(VM) prepare rust-src debian-5.10 rootfs uml-7.2 uml-7.2-time boringtun-cli
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir debian-5.10)" CC=gcc
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir uml-7.2)"
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir uml-7.2-time)"

test-vm:
	@$(VM) test --second-attempt --on uml-7.2-time $(ARGS)
	@$(VM) test --second-attempt --on uml-7.2 $(ARGS)
	@$(VM) test --second-attempt --on qemu-5.10 $(ARGS)

test-attack:
	$(setup)
	@$(VM) prepare rust-src debian-5.10 rootfs uml-7.2
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir debian-5.10)" CC=gcc
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir uml-7.2)"
	@cargo build --quiet --release --package wg-vm
	bash tests/bench/attack/run $(ARGS)

# Every kernel by every suite: hours. `ARGS="--on qemu-6.12 tunnel netns/own"` runs a part.
test-matrix:
	$(setup)
	@$(VM) prepare rust-src rootfs uml-7.2
	@$(VM) matrix $(ARGS)

bench:
	@$(TOOLCHAIN)
	@pkg-config --exists openssl || { echo "OpenSSL's headers are missing: apt-get install libssl-dev pkg-config" >&2; exit 1; }
	cargo bench --quiet --manifest-path crypto/simd/bench/Cargo.toml --no-run
	$(PINNED) cargo bench --quiet --manifest-path crypto/simd/bench/Cargo.toml --bench crypto -- --quiet $(ARGS)

bench-vm:
	$(setup)
	@$(VM) prepare rust-src debian-5.10 rootfs
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir debian-5.10)" CC=gcc
	@tests/bench/tunnel/run $(ARGS)

bench-worlds:
	$(call setup,qemu-7.2-rust)
	@$(VM) prepare rust-src rootfs qemu-7.2-rust
	@tests/bench/worlds/run $(ARGS)

# The rfl world, on a kernel that is built for it.
test-rfl:
	$(call setup,uml-7.2-rust)
	@$(VM) prepare rust-src rootfs uml-7.2-rust
	@KDIR="$$($(VM) kdir uml-7.2-rust)" bash module/build/world-test.sh
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir uml-7.2-rust)" WORLD=rfl
	@$(VM) test --second-attempt --on uml-7.2-rust --world rfl $(ARGS)

# The kernel that looks for faults, and our module for it with all of its Rust instrumented.
DEBUG_KERNEL ?= uml-7.2-debug
debug-kernel:
	$(call setup,$(DEBUG_KERNEL))
	@$(VM) prepare rust-src rootfs boringtun-cli $(DEBUG_KERNEL)
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir $(DEBUG_KERNEL))" WORLD=$(or $(WORLD),standalone)

test-debug: debug-kernel test-plants
	@KERNEL=$(DEBUG_KERNEL) bash tests/reliability.sh debug $(ARGS)

# Each fault in a module that is made for it.
test-plants: debug-kernel
	@$(MAKE) --no-print-directory module KDIR="$$($(VM) kdir $(DEBUG_KERNEL))" WORLD=$(or $(WORLD),standalone) PLANT=1
	@KERNEL=$(DEBUG_KERNEL) bash tests/reliability.sh plants

test-faults: debug-kernel
	@KERNEL=$(DEBUG_KERNEL) bash tests/reliability.sh faults $(ARGS)

MINUTES ?= 30
storm: debug-kernel
	@KERNEL=$(DEBUG_KERNEL) bash tests/reliability.sh storm $(MINUTES)

COUNT ?= 1000000
fuzz-vm: debug-kernel
	@KERNEL=$(DEBUG_KERNEL) bash tests/reliability.sh fuzz $(COUNT)

lint rustdoc:
	@$(BUILD) $@

audit:
	@KDIR="$(KDIR)" bash module/build/audit.sh

rust-src:
	@$(TOOLCHAIN)
	@$(VM) rust-src

clean:
	rm -rf out .tmp_versions
	rm -f *.o *.ko *.mod *.mod.c .*.cmd .*.d modules.order Module.symvers

help:
	@sed -n 's/^#: \?//p' Makefile

#: make module          build wireguard.ko for the running kernel into out/<kernel release>/
#:   KDIR=<folder>      ... for the kernel whose build folder (headers) this is; User-Mode Linux is recognised
#:   WORLD=rfl          ... with the kernel's own Rust crates (which has to have them), into out/<kernel release>-rfl/
#:   WORLD=standalone   ... with our own core and kernel crate; without WORLD the build chooses, and says why
#:   CC=, LLVM=         ... with this C compiler instead of the kernel's own
#:   RUST_LIB_SRC=      ... with rustc's library sources from here (else they are searched)
#:   BINDGEN=           ... with this bindgen; BINDGEN=cargo has cargo build one (else the one in PATH is taken)
#:   DEBUG=1            ... with overflow checks and debug assertions
#:   V=1                ... and show every command
#: make load            load it, with the modules it needs       make unload   take it out again
#: make install         put it where modprobe prefers it to the kernel's own   make uninstall   take it away again
#: make dist            out/wireguard-rs-<version>.tar.gz: builds with no network
#: make deb             out/wireguard-rs-dkms_<version>_all.deb: DKMS builds it for each kernel of a machine
#: make test-package    that package in Debian 12 and 13: installed, booted, upgraded, removed (ARGS=<release>)
#: make demo            two virtual machines, ours and the stock C module, and a tunnel between them
#:   KERNEL=uml-7.2     ... on this kernel (see `vm list`); WORLD= as above
#: make test            all tests: on the host, in User-Mode Linux and in QEMU
#: make test-matrix     every kernel by every suite, and docs/compatibility.md from what was seen: takes hours;
#:   ARGS="--on qemu-6.12 tunnel"  ... a part of it; `configurations` for what is only built against
#: make test-rfl        the scenarios on User-Mode Linux with CONFIG_RUST, in the rfl world (not a part of make test)
#: make bench           our cryptography beside ring, aws-lc-rs, RustCrypto and OpenSSL; writes a page for this
#:                      processor into docs/crypto-speed/
#:   ARGS=<filter>      ... only what has this in its name (seal/1420, x25519): a quick look, writes nothing
#: make bench-worlds    sizes, calls into C and instructions a packet in both worlds; writes docs/worlds.md
#:   ARGS="sizes calls packets"   ... only these parts
#: make bench-vm        what the tunnel costs beside the C module: instructions, memory, ping; writes docs/tunnel-speed.md
#:   ARGS="packets peers memory ping"   ... only these parts, and writes nothing
#: make test-attack     hostile packets, the C module and ours: what each costs, and what a tunnel beside them keeps;
#:                      writes docs/attack.md; ARGS=packets or ARGS=share for one of the two
#: make test-debug      the scenarios on User-Mode Linux with KASAN (our Rust instrumented), lockdep, kmemleak and more, and
#:                      faults on purpose that show that each detector sees our code; writes docs/reliability/
#:   DEBUG_KERNEL=qemu-7.2-debug   ... fewer of them on the same kernel for x86-64, with several processors
#: make test-faults     allocations that fail, bad weather on the way, clocks that jump, on that kernel
#: make storm MINUTES=30   traffic while everything changes, the module removed in the middle, on that kernel
#: make fuzz-vm COUNT=1000000   so many netlink requests and packets that are almost right, on that kernel
#: make test-constant-time   the cryptography under valgrind: no branch, no address that depends on a secret
#: make fuzz            each fuzz target for ten minutes, two at once; tests/fuzz/run says what else there is
#:   TARGET=, SECONDS=  ... these targets, for so long
#: make test-fuzz       the fuzz targets' kept inputs, three seconds more of each, and faults that they must find
#: make test-sanitizers   the cryptography with the address sanitizer and rustc's checks for undefined behaviour
#: make lint            clippy over what goes into the kernel (KDIR= as above)
#: make rustdoc         its documentation, into out/<kernel release>/doc/
#: make audit           counts of unsafe, the ways from C into Rust, the panics left in the module (KDIR= as above)
#: make rust-src        fetch rustc's library sources (Debian's package) into the cache
#: make clean           remove out/ (the cache outside the repository stays)
#:
#: make -C <kernel build folder> M=$PWD modules works as well; wireguard.ko is then here, too.
