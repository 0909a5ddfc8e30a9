# SPDX-License-Identifier: GPL-2.0
# From Rust source to one object: core -> our crates as bitcode -> one fat link-time optimisation.
# Called by build.sh with CONFIG=<its settings>. Crates are rebuilt by rustc's own dependency files.

include $(CONFIG)
R := $(OUT)/rust
-include $(R)/third-party.mk

Q := $(if $(V),,@)
say = @printf '  %-8s %s\n' "$(1)" "$(2)"

.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += -rR

# Stable compilers need to be told that the kernel's flags are meant.
rustc := env -u MAKEFLAGS -u MFLAGS RUSTC_BOOTSTRAP=1 $(RUSTC) --target=$(R)/target.json --sysroot=/dev/null @$(R)/common.flags $(RUST_SANITIZER)
# Every crate but the last leaves its code generation to the link-time optimisation.
rlib := --crate-type rlib -Clinker-plugin-lto

##### core, cached for all kernels that want the same flags

CORE_EDITION := $(if $(filter 85 86,$(RUSTC_MINOR)),2021,2024)

$(CORE)/ready:
	$(call say,RUSTC,core (once per compiler and flags))
	$(Q)mkdir -p $(@D)
	$(Q)flock $(@D)/lock sh -e -c ' \
		test ! -e $@ || exit 0; \
		cd $(@D); \
		$(rustc) $(rlib) --crate-name core --edition $(CORE_EDITION) --cap-lints allow --cfg no_fp_fmt_parse \
			--remap-path-prefix=$(RUST_LIB_SRC)/=rust/ -o libcore.rlib $(RUST_LIB_SRC)/core/src/lib.rs; \
		$(rustc) $(rlib) --crate-name compiler_builtins --edition 2021 --cap-lints allow -L. \
			-o libcompiler_builtins.rlib $(BUILD)/compiler_builtins.rs; \
		touch ready'

##### bindings

ifneq ($(BINDGEN_BUILT),)
$(BINDGEN_BUILT):
	$(call say,CARGO,bindgen $(BINDGEN_PINNED) (once))
	$(Q)mkdir -p $(dir $(@D))
	$(Q)flock $(dir $(@D))lock sh -e -c ' \
		test ! -e $@ || exit 0; \
		env -u MAKEFLAGS -u MFLAGS $(CARGO) install bindgen-cli --version $(BINDGEN_PINNED) --no-default-features \
			--locked --quiet --root $(dir $(@D)) --target-dir $(dir $(@D))target; \
		rm -rf $(dir $(@D))target'
endif

# The kernel's flags are as Kbuild gave them, quotes and all: xargs reads them as the shell would.
$(R)/bindings.rs: $(WG_MODULE)/c/bindings.h $(wildcard $(WG_MODULE)/c/*.h) $(BUILD)/bindings.allow $(BUILD)/bindings.sh \
		$(OUT)/probes.h $(OUT)/probes.key $(BINDGEN)
	$(call say,BINDGEN,$(notdir $@))
	$(Q)cd "$$(cat $(OUT)/probe/directory)" && \
		xargs env LIBCLANG_PATH=$(LIBCLANG_PATH) bash $(BUILD)/bindings.sh $(BINDGEN) $(WG_MODULE)/c/bindings.h $@ $(BUILD)/bindings.allow \
			-- --target=$(CLANG_TARGET) -I$(OUT) -I$(WG_MODULE)/c <$(OUT)/probe/flags

##### crates

# crate NAME ROOT CRATES FLAGS: the rule for one rlib.
define crate
$(R)/lib$(1).rlib: $(2) $(foreach d,$(3),$(R)/lib$(d).rlib) $(CORE)/ready $(R)/our.flags $(R)/common.flags $(R)/target.json $(CONFIG) $(BUILD)/rust.mk
	$$(call say,RUSTC,$(1))
	$$(Q)$$(rustc) $$(rlib) --crate-name $(1) --emit=link=$$@,dep-info=$(R)/$(1).d -L $(CORE) \
		$(foreach d,$(3),--extern $(d)=$(R)/lib$(d).rlib) -L $(R) $(4) $(2)
	$$(Q)sed -i 's|^[^ ]*lib$(1).rlib:|$$@:|' $(R)/$(1).d
	$$(Q)touch $$@
-include $(R)/$(1).d
endef

ours := @$(R)/our.flags
# Which cfgs the pure crates know is said, and checked, by cargo.
pure := $(ours) -Aunexpected_cfgs
theirs = --cap-lints allow -Coverflow-checks=n --edition $(EDITION_$(1))

$(foreach c,$(THIRD_PARTY),$(eval $(call crate,$(c),$(SOURCE_$(c)),,$(call theirs,$(c)))))
$(eval $(call crate,kernel,$(REPO)/kernel/src/lib.rs,,$(ours)))
# (not `bindings`: Rust-for-Linux has a crate of that name)
$(eval $(call crate,wg_bindings,$(R)/bindings.rs,kernel,--edition 2021 --cap-lints allow))
$(eval $(call crate,wg_crypto,$(REPO)/crypto/src/lib.rs,$(THIRD_PARTY),$(pure)))
$(eval $(call crate,wg_protocol,$(REPO)/protocol/src/lib.rs,wg_crypto $(THIRD_PARTY),$(pure)))
$(eval $(call crate,wg_netlink,$(REPO)/netlink/src/lib.rs,$(THIRD_PARTY),$(pure)))

##### the vector code: an object of its own, hard-float, from the host's own core

simd := $(wildcard $(REPO)/crypto/simd/src/lib.rs)
ifneq ($(simd),)
# The AVX-512 intrinsics are stable from 1.89 on.
avx512 := $(if $(filter 85 86 87 88,$(RUSTC_MINOR)),,--cfg 'feature="avx512"')
simd_crate := wg_simd_link
# It cannot panic, so it takes no part in the checks of a debug build. Without -Zplt its calls go
# through a global offset table, which no kernel loads.
# Older compilers (1.85) leave unwind tables where they do not see that nothing unwinds: no kernel reads
# them, and objtool takes their addresses for jumps to functions that are no targets of jumps.
$(R)/wg_simd_raw.o: $(simd) $(R)/our.flags $(R)/common.flags $(CONFIG) $(BUILD)/rust.mk
	$(call say,RUSTC,wg_simd (vector code))
	$(Q)env -u MAKEFLAGS -u MFLAGS RUSTC_BOOTSTRAP=1 $(RUSTC) --target=$(SIMD_TARGET) @$(R)/common.flags $(SIMD_FLAGS) -Zplt=yes \
		-Copt-level=3 $(pure) -Coverflow-checks=n -Cdebug-assertions=n $(avx512) --crate-type rlib --crate-name wg_simd \
		-Cembed-bitcode=n --emit=obj=$@,dep-info=$(R)/wg_simd.d $(simd)
	$(Q)objcopy --remove-section=.eh_frame $@
	$(Q)sed -i 's|^[^ ]*wg_simd_raw\.o:|$@:|' $(R)/wg_simd.d
-include $(R)/wg_simd.d
$(eval $(call crate,wg_simd_link,$(REPO)/crypto/simd/link/src/lib.rs,wg_crypto,$(pure) $(avx512)))
endif

##### X25519 for BMI2 and ADX; in graviola.rs build.sh has named its sources

ifneq ($(ADX),)
adx_crate := wg_adx
$(R)/libwg_adx.rlib: export OUT_DIR := $(R)
$(eval $(call crate,wg_adx,$(REPO)/crypto/adx/src/lib.rs,wg_crypto $(THIRD_PARTY),$(pure)))
endif

##### the driver, and everything it uses, as one object

crates := kernel wg_bindings wg_crypto $(simd_crate) $(adx_crate) wg_protocol wg_netlink $(THIRD_PARTY)
externs := $(foreach d,$(crates),--extern $(d:wg_bindings=bindings)=$(R)/lib$(d).rlib) -L $(R) -L $(CORE)
driver := --crate-name wireguard_rs $(ours) --check-cfg 'cfg(wg_simd, wg_adx, wg_plant)' $(if $(simd),--cfg wg_simd) $(if $(ADX),--cfg wg_adx) @$(OUT)/probes.cfg $(externs) $(WG_MODULE)/lib.rs

$(R)/wg_rust_raw.o: $(WG_MODULE)/lib.rs $(crates:%=$(R)/lib%.rlib) $(OUT)/probes.cfg $(R)/our.flags $(BUILD)/rust.mk
	$(call say,RUSTC,wireguard_rs (with link-time optimisation))
	$(Q)rm -rf $(R)/link && mkdir $(R)/link
	$(Q)$(rustc) --crate-type staticlib -Clto=fat --emit=link=$(R)/link/libwg.a,dep-info=$(R)/wireguard_rs.d $(driver)
	$(Q)sed -i 's|^[^ ]*\.a:|$@:|' $(R)/wireguard_rs.d
	$(Q)cd $(R)/link && ar x libwg.a && rm -f libwg.a *.compiler_builtins.* && \
		set -- * && test $$# -eq 1 || { echo "link-time optimisation left more than one object: $$*" >&2; exit 1; }; \
		mv "$$1" $@
	$(Q)rmdir $(R)/link
-include $(R)/wireguard_rs.d

##### clippy and rustdoc over what goes into the kernel; the pure crates have theirs from cargo

lints := -Dwarnings -Wmissing_docs -Wunreachable_pub -Wrust_2018_idioms -Wclippy::all \
	-Wclippy::undocumented_unsafe_blocks -Wclippy::unwrap_used -Wclippy::expect_used
# clippy-driver and rustdoc are found beside the compiler.
beside = $(patsubst %rustc,%$(1),$(RUSTC))
clippy := $(subst $(RUSTC) --target,$(call beside,clippy-driver) --target,$(rustc))
rustdoc := $(subst $(RUSTC) --target,$(call beside,rustdoc) --target,$(filter-out @%,$(rustc))) \
	-Zunstable-options -Cpanic=abort
stand-in := --crate-name kernel $(ours) -L $(CORE) $(REPO)/kernel/src/lib.rs

.PHONY: lint rustdoc
lint: $(crates:%=$(R)/lib%.rlib) $(OUT)/probes.cfg
	$(call say,CLIPPY,kernel)
	$(Q)$(clippy) --crate-type rlib --emit=metadata=$(R)/clippy.rmeta $(stand-in) $(lints)
	$(call say,CLIPPY,wireguard_rs)
	$(Q)$(clippy) --crate-type rlib --emit=metadata=$(R)/clippy.rmeta $(driver) $(lints)

rustdoc: $(crates:%=$(R)/lib%.rlib) $(OUT)/probes.cfg
	$(call say,RUSTDOC,kernel wireguard_rs)
	$(Q)$(rustdoc) -o $(OUT)/doc -Dwarnings --edition 2021 $(filter-out @%,$(stand-in))
	$(Q)$(rustdoc) -o $(OUT)/doc -Dwarnings --edition 2021 --document-private-items $(filter-out @$(R)/our.flags,$(driver))
