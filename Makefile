# Bellwether: `make help` lists the targets.
BUILD   ?= build
CC      := gcc
CLANG   ?= clang-14
SANITIZE ?=

# What each folder of user/ may link against; tests/tidy checks the same table for includes.
closure_base     := base
closure_os       := os base
closure_wire     := wire base
closure_plog     := plog wire base
closure_quorum   := quorum plog wire base
closure_meta     := meta wire base
closure_replica  := replica meta plog wire base
closure_fastpath := fastpath meta wire base
closure_broker   := broker fastpath replica quorum plog meta wire base
closure_http     := http base
closure_steer    := steer base
closure_ctl      := ctl wire base
FOLDERS := base os wire plog quorum meta replica fastpath broker http steer ctl

CFLAGS  ?= -O2 -g
CPPFLAGS := -Iuser -Iinclude -I$(BUILD)/gen -D_GNU_SOURCE $(CPPFLAGS)
WARNINGS := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wvla \
	-Werror
ALL_CFLAGS := -std=c17 $(CFLAGS) $(WARNINGS) -fno-omit-frame-pointer -pthread $(SANITIZE)
LIBS_base  := -lisal -lcrypto
LIBS_steer := -lbpf -lelf -lz
LIBS_ctl   := -ljansson
LIBS_http  := -lmicrohttpd

sources = $(wildcard user/$(1)/*.c)
objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources,$(1)))
archive = $(BUILD)/lib/$(1).a
archives = $(foreach f,$(closure_$(1)),$(call archive,$(f)))
libs = $(foreach f,$(closure_$(1)),$(LIBS_$(f)))

include tests/tests.mk
include deploy/install.mk

.PHONY: help deps all run check check-slow asan ubsan tidy bench clean
.DEFAULT_GOAL := all
.SECONDARY: # objects are kept: the mutants of the simulator link them again

help: ## what the targets do
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 14

deps: ## install the Debian packages that building, running and testing need (root)
	@deploy/packages install

all: $(BUILD)/bellwether $(BUILD)/bwsteer $(BUILD)/bwctl ## build the three programs into build/

run: deps ## the main job: three steered brokers, real clients, a leader that dies (root)
	@$(MAKE) --no-print-directory all e2e-programs
	@deploy/lab/story

clean: ## remove everything that was built
	rm -rf $(BUILD)

# ---- programs ----
$(BUILD)/bellwether: $(BUILD)/obj/user/bellwether.o $(call archive,os) $(call archive,http) \
	$(call archives,broker)
	@echo LINK $@
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_http) $(LIBS_base)
$(BUILD)/bwsteer: $(BUILD)/obj/user/bwsteer.o \
	$(filter-out $(call archive,base),$(call archives,steer)) \
	$(call archive,os) $(call archive,base)
	@echo LINK $@
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_steer) $(LIBS_base)
$(BUILD)/bwctl: $(BUILD)/obj/user/bwctl.o $(call archives,ctl)
	@echo LINK $@
	@$(CC) $(ALL_CFLAGS) $(LDFLAGS) -o $@ $^ $(LIBS_ctl) $(LIBS_base)

# ---- user space ----
define folder_rule
$(call archive,$(1)): $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	@$$(AR) rcs $$@ $$^
endef
$(foreach f,$(FOLDERS),$(eval $(call folder_rule,$(f))))

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	@echo CC $<
	@$(CC) $(CPPFLAGS) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# ---- BPF: object, then a skeleton that bwsteer includes ----
ARCH_INCLUDE := -I/usr/include/$(shell uname -m)-linux-gnu
$(BUILD)/bpf/%.bpf.o: bpf/%.bpf.c $(wildcard bpf/lib/*.h include/bellwether/*.h)
	@mkdir -p $(@D)
	@echo BPF $<
	@$(CLANG) -target bpf -O2 -g -Wall -Wextra -Werror -Iinclude -Ibpf $(ARCH_INCLUDE) \
		-c -o $@ $<
$(BUILD)/gen/%.skel.h: $(BUILD)/bpf/%.bpf.o
	@mkdir -p $(@D)
	@bpftool gen skeleton $< name $*_bpf > $@.new && mv $@.new $@
# Whoever includes the skeleton, in the program or in its tests, needs it made first.
skeleton_users := $(call objects,steer) \
	$(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/bpf/*.c tests/unit/steer/*.c) \
	tests/bench/mirror.c tests/bench/steer.c)
$(skeleton_users): | $(BUILD)/gen/steer.skel.h $(BUILD)/gen/mirror.skel.h

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
