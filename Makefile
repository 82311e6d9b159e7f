# SPDX-License-Identifier: Apache-2.0
#
# `make help` lists what there is to do. Each target gets what it lacks from scripts/deps first
# (packages, librdkafka, Kafka for the tests), so that `make test` works on a bare Debian.

VERSION := $(shell cat VERSION)
PREFIX ?= /usr/local
BUILD ?= build
FUZZ_SECONDS ?= 60
IMAGE ?= kafka-component:$(VERSION)

BINARY := $(BUILD)/kafka-component
KINDS := unit mock wire live interop

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SECONDARY:
.SECONDEXPANSION:
FORCE:

# `make V=1` shows whole command lines.
Q := $(if $(V),,@)
say = $(if $(V),@:,@printf '  %-5s %s\n')

goals := $(or $(MAKECMDGOALS),all)
ifeq ($(MAKELEVEL)$(words $(goals)),01) # one goal, typed by a person: use all cores
MAKEFLAGS += -j$(shell nproc)
endif

# --- What a goal needs: one or more kinds of scripts/deps; where nothing is said, `build` ------

NEEDS.help := -
NEEDS.clean := -
NEEDS.image := -
NEEDS.install := $(if $(wildcard $(BINARY)),-,build) # root must not build it again
NEEDS.asan := build unit
NEEDS.tsan := build unit
NEEDS.fuzz := build fuzz
NEEDS.fuzz-run := build fuzz
NEEDS.lint := build unit lint
NEEDS.format := lint
NEEDS.test := build unit test
NEEDS.bench := build unit test
NEEDS.test-unit := build unit
NEEDS.test-mock := build unit
NEEDS.test-wire := build unit
NEEDS.test-live := build unit test
NEEDS.test-interop := build unit test
NEEDS.test-sanitized := build unit

needs := $(sort $(filter-out -,$(foreach goal,$(goals),$(or $(NEEDS.$(goal)),build))))
include $(needs:%=build/deps/%.mk)
build/deps/%.mk: $(if $(MAKE_RESTARTS),,FORCE)
	@scripts/deps $* $@

# --- Flags -------------------------------------------------------------------------------------

WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wformat=2 -Wundef -Wvla -Wcast-qual -Wwrite-strings $(if $(filter true,$(CI)),-Werror)
# SANITIZE holds a sanitizer's own flags, in the builds that `asan`, `tsan` and `fuzz` make.
OPTIMIZE := $(if $(SANITIZE),-O1 $(SANITIZE) -fno-omit-frame-pointer,\
            -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong)

COMPILE = $(CC) -std=c11 -D_GNU_SOURCE= -DKC_VERSION='"$(VERSION)"' -Isrc $(DEPS_CFLAGS) $(CPPFLAGS) \
          $(WARNINGS) $(OPTIMIZE) -g -fno-common -fPIE -pthread $(CFLAGS)
LINK = $(CC) $(SANITIZE) -pie -pthread -Wl,-z,relro,-z,now $(LDFLAGS)

# --- The program -------------------------------------------------------------------------------

SOURCES := $(sort $(shell find src -mindepth 2 -name '*.c'))
OBJECTS := $(SOURCES:%.c=$(BUILD)/obj/%.o)

all: $(BINARY) ## Builds build/kafka-component (the default)

$(BINARY): $(BUILD)/obj/src/main.o $(BUILD)/libkc.a
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(DEPS_LIBS)

$(BUILD)/libkc.a: $(OBJECTS) $(BUILD)/sources
	@rm -f $@
	$(say) AR $@
	$(Q)$(AR) rcs $@ $(OBJECTS)

$(BUILD)/obj/%.o: %.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# They hold files.
$(BUILD)/obj/src/component/shapes.o: $(wildcard schemas/*.json)
$(BUILD)/obj/src/transport/http/openapi.o: src/transport/http/openapi.template.json

# Files that change when the text they hold does: other flags or another list of sources mean
# another build.
$(BUILD)/flags: export TEXT = $(COMPILE)
$(BUILD)/sources: export TEXT = $(SOURCES)
$(BUILD)/flags $(BUILD)/sources: FORCE
	@mkdir -p $(@D); printf '%s\n' "$$TEXT" | cmp -s - $@ || printf '%s\n' "$$TEXT" >$@

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# --- Tests -------------------------------------------------------------------------------------

SUPPORT := $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard tests/support/*.c))
programs = $(patsubst %.c,$(BUILD)/%,$(wildcard $(1:%=tests/%/test_*.c)))

$(BUILD)/obj/tests/%.o: CPPFLAGS += -Itests $(CMOCKA_CFLAGS)
$(BUILD)/tests/%: $(BUILD)/obj/tests/%.o $(SUPPORT) $(BUILD)/libkc.a
	@mkdir -p $(@D)
	$(say) LINK $@
	$(Q)$(LINK) -o $@ $^ $(CMOCKA_LIBS) $(DEPS_LIBS)

# A step of ours that does what a message orders, for these two.
$(BUILD)/tests/interop/test_sailor_node $(BUILD)/tests/interop/test_sailor_twin: | $(BUILD)/tests/interop/echo

RUN_TESTS = KC_TEST_BINARY=$(abspath $(BINARY)) KC_TEST_ROOT=$(CURDIR) \
            KC_TEST_KAFKA_JARS=$(KAFKA_JARS) KC_TEST_NODE_MODULES=$(NODE_MODULES) \
            KC_TEST_COMPOSE=$(COMPOSE) KC_TEST_KUBERNETES_VALIDATE=$(KUBERNETES_VALIDATE) \
            KC_TEST_API_TOOLS=$(API_TOOLS) \
            scripts/run-tests

test: docs-check $(BINARY) $(call programs,$(KINDS)) ## Runs every test, on a real Kafka
	@$(RUN_TESTS) $(call programs,$(KINDS))

# A step of ours that only these tests start.
test test-live test-interop: $(BUILD)/tests/interop/echo

# `make test-unit`, `make test-mock`, ...: the tests of one folder
$(KINDS:%=test-%): test-%: $(BINARY) $$(call programs,$$*)
	@$(RUN_TESTS) $(call programs,$*)

# Sanitizers want the address space as it was before kernels spread it wider.
NARROW := $(shell setarch $(shell uname -m) -R true 2>/dev/null && echo setarch $(shell uname -m) -R)
SANITIZED := unit mock wire

asan: ## Unit, mock and wire tests with the address and undefined-behaviour sanitizers
	@$(MAKE) --no-print-directory BUILD=build/asan test-sanitized \
	    SANITIZE='-fsanitize=address,undefined -fno-sanitize-recover=all'
tsan: ## Unit, mock and wire tests with the thread sanitizer
	@$(MAKE) --no-print-directory BUILD=build/tsan test-sanitized SANITIZE=-fsanitize=thread

REPORTS = $(CURDIR)/$(BUILD)/reports
test-sanitized: $(BINARY) $(call programs,$(SANITIZED))
	@rm -rf $(REPORTS) && mkdir $(REPORTS)
	@ASAN_OPTIONS=log_path=$(REPORTS)/asan:detect_stack_use_after_return=1:strict_string_checks=1 \
	UBSAN_OPTIONS=log_path=$(REPORTS)/ubsan:print_stacktrace=1:abort_on_error=1 \
	TSAN_OPTIONS=log_path=$(REPORTS)/tsan:second_deadlock_stack=1$(addprefix :suppressions=$(CURDIR)/,$(wildcard tests/tsan.supp)) \
	KC_TEST_WRAPPER='$(NARROW)' KC_TEST_REPORTS=$(REPORTS) $(RUN_TESTS) $(call programs,$(SANITIZED))

fuzz: ## Fuzzes each parser of outside bytes for FUZZ_SECONDS
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=$(FUZZ_CC) fuzz-run \
	    SANITIZE='-fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all'

FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/%,$(wildcard tests/fuzz/fuzz_*.c))
$(BUILD)/fuzz_%: $(BUILD)/obj/tests/fuzz/fuzz_%.o $(BUILD)/libkc.a
	$(say) LINK $@
	$(Q)$(LINK) -fsanitize=fuzzer -o $@ $^ $(DEPS_LIBS)
fuzz-run: $(FUZZERS)
	@KC_TEST_WRAPPER='$(NARROW)' scripts/run-fuzz $(FUZZ_SECONDS) $(FUZZERS)

bench: $(BINARY) $(patsubst %.c,$(BUILD)/%,$(wildcard tests/bench/*.c)) ## Measures against kcat, a bare HTTP server and the platform's Node.js runtime
	@$(subst scripts/run-tests,tests/bench/run,$(RUN_TESTS))

# --- Looking after the code --------------------------------------------------------------------

TIDY_FLAGS = -std=c11 -D_GNU_SOURCE= -DKC_VERSION=\"$(VERSION)\" -Isrc -Itests $(DEPS_CFLAGS) $(CMOCKA_CFLAGS)
C_FILES = $(shell find src tests -name '*.c' -o -name '*.h')

lint: ## Checks the include rule, the layout and what clang-tidy knows
	scripts/check-includes
	@echo 'clang-format'
	@$(CLANG_FORMAT) --dry-run --Werror $(C_FILES) || { echo 'run: make format'; exit 1; }
	@echo 'clang-tidy, on $(shell nproc) cores'
	@scripts/tidy $(CLANG_TIDY) $(filter %.c,$(C_FILES)) -- $(TIDY_FLAGS)

format: ## Lays the code out as lint wants it
	$(CLANG_FORMAT) -i $(C_FILES)

docs: $(BINARY) ## Writes component.json, credentials/schema.json and docs/fields.md
	@scripts/docs write $(BINARY)
docs-check: $(BINARY) ## Fails when one of them is out of date
	@scripts/docs check $(BINARY)

# --- Using it ----------------------------------------------------------------------------------

demo: $(BINARY) ## Shows messages going through Kafka, with nothing installed
	@$(BINARY) demo

image: ## Builds the container image
	@scripts/image $(IMAGE)

install: $(if $(wildcard $(BINARY)),,$(BINARY)) ## Installs under PREFIX (/usr/local), below DESTDIR
	scripts/install '$(BINARY)' '$(DESTDIR)$(PREFIX)'

clean: ## Removes everything that was built here; what was fetched stays in the cache
	rm -rf build

help: ## Lists the targets
	@echo 'make TARGET, where TARGET is one of (V=1 shows whole command lines):'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile
	@echo '  test-KIND      The tests of one folder: $(KINDS)'
	@echo 'What is missing is installed on the way (as root or through sudo, on Debian); what is'
	@echo 'built or fetched for it is kept in ~/.cache/kafka-component (KAFKA_COMPONENT_CACHE).'

.PHONY: all test $(KINDS:%=test-%) asan tsan test-sanitized fuzz fuzz-run bench lint format docs \
        docs-check demo image install clean help FORCE
