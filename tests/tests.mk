# How tests are built and run. A unit test tests/unit/FOLDER/NAME_test.c is one cmocka program that
# links what user/FOLDER may link; `make build/tests/unit/FOLDER/NAME_test` builds one, `make unit`
# runs all. Which tests belong to `make check` and `make check-slow`, and how long each may take,
# stands in tests/suites/; tests/run runs them.
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/*_test.c))
E2E_PROGRAMS := $(patsubst %,$(BUILD)/tests/%,e2e/history bench/produce bench/bare bench/mirror) \
	$(patsubst %,$(BUILD)/tests/e2e/%,batches requests hostile arp_probe long_poll) \
	$(patsubst %,$(BUILD)/bpf/%.bpf.o,lab_pass lab_count lab_hostile)
SIM_PROGRAMS := $(patsubst %,$(BUILD)/tests/sim/%,quorum_sim cluster_sim cluster_test)
# Everything that the suites run and that has to be built: add to it where a link rule is added.
TEST_PROGRAMS = $(UNIT_TESTS) $(BPF_TESTS) $(E2E_PROGRAMS) $(SIM_PROGRAMS) \
	$(patsubst %,$(BUILD)/tests/fuzz/%_fuzz,wire steer mirror) $(BUILD)/tests/bench/steer

# What machines are filled with; not part of TEST_PROGRAMS, since only vm-check needs it.
VM_PROGRAMS := $(BUILD)/tests/vm/vm_switch

.PHONY: vm-programs vm-check
.PHONY: unit e2e-programs test-programs sanitized tsan fuzz
.SECONDEXPANSION:
unit_folder = $(notdir $(patsubst %/,%,$(dir $(1))))
# The simulated world, and whole brokers with their clients in it.
sim_world := $(patsubst %,$(BUILD)/obj/tests/sim/sim_%.o,\
	world process loop files net stream datagrams disk node)
sim_cluster := $(sim_world) $(patsubst %,$(BUILD)/obj/tests/sim/sim_%.o,\
	cluster client link producer reader history replicas apart)
# The tests of logs and replicas run on a simulated disk.
unit_simulation = $(if $(filter plog/% replica/%,$(1)),\
	$(patsubst %,$(BUILD)/obj/tests/sim/%.o,sim_disk sim_node sim_env_single)) \
	$(if $(filter sim/% broker/%,$(1)),$(sim_world))
$(BUILD)/obj/tests/%.o: CPPFLAGS += -Itests
# The unit tests of every folder may use the real env; those above base mostly need it. base comes
# last, once: os needs it, and of an archive that is named twice make keeps the first in $^.
os_and_base := $(call archive,os) $(call archive,base)
$(UNIT_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o $$(call unit_simulation,$$*) \
	$$(filter-out $(os_and_base),$$(call archives,$$(call unit_folder,$$*))) $(os_and_base)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lcmocka $(call libs,$(call unit_folder,$*)) $(LIBS_base)

# ---- programs of the tests ----
e2e-programs: $(E2E_PROGRAMS) ## build the clients that tests and the main job use
test-programs: $$(TEST_PROGRAMS)

$(BUILD)/tests/e2e/history: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/e2e/history*.c))
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lrdkafka
$(BUILD)/tests/e2e/arp_probe: $(BUILD)/obj/tests/e2e/arp_probe.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^
$(BUILD)/tests/vm/vm_switch: $(BUILD)/obj/tests/vm/vm_switch.o
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^
# Programs that speak for themselves: the wire's code, and for hostile the brokers' own handshake.
$(BUILD)/tests/e2e/batches: $(BUILD)/obj/tests/e2e/batches.o $(call archives,wire)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_base)
$(BUILD)/tests/e2e/requests: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/e2e/requests*.c)) \
	$(BUILD)/obj/tests/e2e/plain_client.o $(call archives,wire)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lcmocka $(LIBS_base)
$(BUILD)/tests/e2e/long_poll: $(patsubst %,$(BUILD)/obj/tests/e2e/%.o,long_poll plain_client) \
	$(call archives,wire)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_base)
$(BUILD)/tests/e2e/hostile: $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/e2e/hostile*.c)) \
	$(BUILD)/obj/tests/e2e/plain_client.o $(call archive,os) $(call archives,broker)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_base)
# Frames through the steering programs, and a bwsteer driven by hand (root).
BPF_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bpf/*_test.c))
bpf_support := $(patsubst %.c,$(BUILD)/obj/%.o,\
	$(filter-out %_test.c,$(wildcard tests/bpf/*.c)))
$(BPF_TESTS): $(BUILD)/%: $(BUILD)/obj/%.o $(bpf_support) $(call archives,steer)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lcmocka $(LIBS_steer) $(LIBS_base)
$(BUILD)/tests/bench/steer: $(BUILD)/obj/tests/bench/steer.o $(bpf_support) $(call archives,steer)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lcmocka $(LIBS_steer) $(LIBS_base)
$(BUILD)/tests/fuzz/wire_fuzz: $(BUILD)/obj/tests/fuzz/wire_fuzz.o $(call archives,wire)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_base)
# The BPF programs compiled for user space, always under sanitizers (BPF reads unaligned); and with
# clang's engine, which finds its own frames.
native_sources = $(patsubst %,tests/%.c,fuzz/$(1)_fuzz fuzz/$(1)_native \
	bpf/$(1)_model bpf/$(1)_draw bpf/packets)
native_headers := $(wildcard $(addsuffix /*.h,bpf/lib include/bellwether tests/bpf tests/fuzz) \
	tests/fuzz/native/bpf/*.h)
native_flags := -Itests -Itests/fuzz/native -Ibpf
engine := $(CLANG) $(CPPFLAGS) -Itests -std=c17 -O1 -g -DFUZZ_ENGINE \
	-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
	-fno-sanitize=alignment,pointer-overflow # clang minds that a reader of nothing is NULL + 0
define native_rules
$(BUILD)/tests/fuzz/$(1)_fuzz: $(call native_sources,$(1)) bpf/$(1).bpf.c $(native_headers)
	@mkdir -p $$(@D)
	$(CC) $(CPPFLAGS) $(native_flags) $(ALL_CFLAGS) -fsanitize=address,undefined \
		-fno-sanitize=alignment -fno-sanitize-recover=all -o $$@ $(call native_sources,$(1))
$(BUILD)/fuzz/$(1)_fuzz: $(call native_sources,$(1)) bpf/$(1).bpf.c $(native_headers)
	@mkdir -p $$(@D)
	$(engine) $(native_flags) -o $$@ $(call native_sources,$(1))
endef
$(foreach program,steer mirror,$(eval $(call native_rules,$(program))))
wire_fuzz_sources := tests/fuzz/wire_fuzz.c $(call sources,wire) $(call sources,base)
$(BUILD)/fuzz/wire_fuzz: $(wire_fuzz_sources) $(wildcard user/wire/*.h user/base/*.h)
	@mkdir -p $(@D)
	$(engine) -o $@ $(wire_fuzz_sources) $(LIBS_base)
$(BUILD)/tests/sim/quorum_sim: $(BUILD)/obj/tests/sim/quorum_sim.o $(call archives,quorum)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_base)
$(BUILD)/tests/sim/cluster_%: $(BUILD)/obj/tests/sim/cluster_%.o $(sim_cluster) \
	$(call archives,broker)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_base)
$(BUILD)/tests/bench/mirror: $(patsubst %,$(BUILD)/obj/tests/%.o,bench/mirror bpf/small_net) \
	$(call archives,steer)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_steer) $(LIBS_base)
$(BUILD)/tests/bench/%: $(BUILD)/obj/tests/bench/%.o $(call archives,ctl)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBS_ctl) $(LIBS_base)

# ---- targets ----
# What does not build is a failed test and not the end of all others: -k, and the runner counts it.
SLICE ?= 1/1
build_all = built=yes; $(MAKE) --no-print-directory -k -j$(shell nproc) $(1) || built=no; \
	BUILD=$(BUILD) BUILT=$$built

unit: ## run the unit tests
	@$(call build_all,$(UNIT_TESTS)) tests/run unit

tidy: ## check what STYLE says and a machine can see
	@tests/tidy/tidy

check: deps ## run all tests that fit 25 minutes on two cores
	@deploy/packages unpack prometheus >/dev/null # promtool
	@$(call build_all,all test-programs) tests/run check

check-slow: deps ## run the rest; SLICE=2/4 is a quarter, SLICE=kill what is named so
	@$(call build_all,all test-programs) tests/run check-slow $(SLICE)

# Under a sanitizer: unit tests, simulations (one seed in 16), hostile bytes, a single real broker.
sanitized: deps
	@SIM_SHARE=16; export SIM_SHARE; \
	$(call build_all,all test-programs) tests/run sanitized

FUZZ_S ?= 60
fuzz: deps ## let clang's fuzzer loose on frames and requests, FUZZ_S=60 seconds each
	@$(MAKE) --no-print-directory $(patsubst %,$(BUILD)/fuzz/%_fuzz,steer mirror wire)
	@for name in steer mirror wire; do mkdir -p $(BUILD)/fuzz/$$name-corpus && \
		$(BUILD)/fuzz/$${name}_fuzz -max_len=700 -max_total_time=$(FUZZ_S) \
		-artifact_prefix=$(BUILD)/fuzz/$$name- -len_control=0 -verbosity=0 \
		-print_final_stats=1 \
		$(BUILD)/fuzz/$$name-corpus || exit 1; done

asan: ## run what runs in one process under the address sanitizer
	@$(MAKE) --no-print-directory BUILD=build/asan SANITIZE=-fsanitize=address sanitized
ubsan: ## run what runs in one process under the undefined behaviour sanitizer
	@$(MAKE) --no-print-directory BUILD=build/ubsan \
		SANITIZE="-fsanitize=undefined -fno-sanitize-recover=all" sanitized
tsan: ## run the unit tests under the thread sanitizer
	@$(MAKE) --no-print-directory BUILD=build/tsan SANITIZE=-fsanitize=thread unit

bench: deps ## measure brokers against a bare receiver, and steering against a bare redirect
	@$(MAKE) --no-print-directory all e2e-programs $(BUILD)/tests/bench/steer
	@BUILD=$(BUILD) tests/bench/bench

vm-programs: all e2e-programs $(VM_PROGRAMS) deb ## build what deploy/vm/vm puts into its machines

# CUTS=n: so many power cuts; SEED=n: the same moments again; SLICE as for check-slow.
vm-check: deps ## run the cluster in virtual machines: Debian's kernel, power cuts, packages (root)
	@deploy/packages install-vm
	@$(call build_all,vm-programs) CUTS=$(CUTS) SEED=$(SEED) tests/run vm-check $(SLICE)
