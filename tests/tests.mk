# How tests are built and run. A unit test tests/unit/FOLDER/NAME.c is one cmocka program that links
# what user/FOLDER may link; `make build/tests/unit/FOLDER/NAME` builds one, `make unit` runs all.
UNIT_TESTS := $(patsubst %.c,$(BUILD)/%,$(wildcard tests/unit/*/*_test.c))

.PHONY: unit e2e-programs
.SECONDEXPANSION:
unit_folder = $(notdir $(patsubst %/,%,$(dir $(1))))
# The unit tests of every folder may use the real env; those above base mostly need it.
$(UNIT_TESTS): $(BUILD)/tests/unit/%: $(BUILD)/obj/tests/unit/%.o \
	$$(filter-out $$(call archive,os) $$(call archive,base),$$(call archives,$$(call unit_folder,$$*))) \
	$$(call archive,os) $$(call archive,base)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lcmocka $(call libs,$(call unit_folder,$*)) $(LIBS_base)
