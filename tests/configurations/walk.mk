# SPDX-License-Identifier: GPL-2.0
# What a folder of the kernel's source compiles in a configuration: its own Makefile is read, and
# nothing is built. TREE, CONFIG (auto.conf) and DIR are given.

include $(CONFIG)
srctree := $(TREE)
objtree := $(TREE)
SRCARCH := x86
src := $(TREE)/$(DIR)
obj := $(DIR)
BITS := 64
include $(firstword $(wildcard $(TREE)/$(DIR)/Kbuild $(TREE)/$(DIR)/Makefile))

wanted := $(sort $(obj-y) $(obj-m) $(lib-y) $(lib-m))
# An object that is put together of others has a list of them.
parts = $(or $(strip $($(1:.o=)-objs) $($(1:.o=)-y) $($(1:.o=)-m)),$(1))
$(foreach o,$(filter %.o,$(wanted)),$(foreach p,$(call parts,$(o)),$(info object $(DIR)/$(p:.o=))))
$(foreach d,$(filter %/,$(wanted)),$(info folder $(DIR)/$(d:/=)))

.DEFAULT_GOAL := nothing
nothing: ; @:
