# minimal: `make` builds, `make check` tests, `make install` installs. Variants: make VARIANT=asan|tsan|cov|fault
# Each variant has its own build directory, so switching rebuilds nothing.

# ---- what a user may set -------------------------------------------------------------------------------------------
-include config.mk
CC        ?= cc
VARIANT   ?= release
PREFIX    ?= /usr/local
BINDIR    ?= $(PREFIX)/bin
LIBEXECDIR ?= $(PREFIX)/libexec
DATADIR   ?= $(PREFIX)/share
MANDIR    ?= $(DATADIR)/man
WERROR    ?=
BUILD     ?= build$(if $(filter-out release,$(VARIANT)),/$(VARIANT))

# ---- libraries: which program links which (docs/worker.md; tests/lint/libraries.sh holds it to this) -----------------
MINIMAL_PKGS := nettle sqlite3 libseccomp libpcre2-8
WORKER_PKGS  := libcurl libarchive libseccomp nettle
# What is loaded and bound at run time costs every start: 0.5 ms for the libraries of `minimal` and libc. So it is linked
# whole, at a random address all the same. DYNAMIC=1 loads them instead, for a distribution that wants to.
minimal_link = $(if $(DYNAMIC)$(filter-out release,$(VARIANT)),,-static-pie -Wl,--no-warnings)
pkg_cflags = $(shell pkg-config --cflags $(1))
pkg_libs   = $(shell pkg-config --libs $(1))

# ---- flags ----------------------------------------------------------------------------------------------------------
WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wstrict-prototypes \
  -Wmissing-prototypes -Wold-style-definition -Wvla -Wundef -Wwrite-strings -Wcast-qual -Wpointer-arith \
  -Wformat=2 -Wnull-dereference -Wswitch-enum -Wimplicit-fallthrough -Wdouble-promotion
ifeq ($(findstring clang,$(CC)),)
WARN += -Wlogical-op -Wduplicated-cond -Wduplicated-branches
# What -O2 and clang see through, gcc does not at -O1: the release build has this warning.
WARN += $(if $(filter asan tsan fault,$(VARIANT)),-Wno-maybe-uninitialized)
HARDEN := -fstack-clash-protection -fcf-protection
endif
OPT_release := -O2 -g -D_FORTIFY_SOURCE=2
OPT_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
OPT_tsan    := -O1 -g -fsanitize=thread
OPT_cov     := -O0 -g --coverage
OPT_fault   := -O1 -g -DFAULT_INJECTION
CPPFLAGS_ALL := -D_GNU_SOURCE -I. -I$(BUILD)/gen -DMINIMAL_VERSION='"$(shell cat VERSION)"' \
  $(call pkg_cflags,$(MINIMAL_PKGS) $(WORKER_PKGS)) $(CPPFLAGS)
CFLAGS_ALL := -std=c17 -pthread $(OPT_$(VARIANT)) $(WARN) $(if $(WERROR),-Werror) $(HARDEN) \
  -fno-common -fno-strict-aliasing -fstack-protector-strong -fPIE -MMD -MP $(CFLAGS)
LDFLAGS_ALL := -pie -pthread -Wl,-z,relro,-z,now,--as-needed,-O1 \
  $(filter -fsanitize% --coverage,$(OPT_$(VARIANT))) $(LDFLAGS)

# ---- sources: one static archive per folder, linked from the top of the house to its ground ---------------------------
FOLDERS := cmd harness builder cache store specs specs/lang sandbox net base
WORKER_FOLDERS := cache/worker base
lib  = $(BUILD)/lib/$(subst /,_,$(1)).a
srcs = $(sort $(wildcard $(1)/*.c))
objs = $(patsubst %.c,$(BUILD)/obj/%.o,$(call srcs,$(1)))
LIBS := $(foreach f,$(FOLDERS),$(if $(call srcs,$(f)),$(call lib,$(f))))
WORKER_LIBS := $(foreach f,$(WORKER_FOLDERS),$(call lib,$(f)))

all: $(BUILD)/minimal $(BUILD)/minimal-worker

# cmd is linked as objects, so that main is found. minimal-dynamic is for the tests that put themselves between a program
# and its system calls.
PARTS := $(call objs,cmd) $(filter-out $(call lib,cmd),$(LIBS))
$(BUILD)/minimal: $(PARTS)
	$(CC) $(CFLAGS_ALL) $(if $(minimal_link),$(filter-out -pie,$(LDFLAGS_ALL)) $(minimal_link),$(LDFLAGS_ALL)) -o $@ $^ $(call pkg_libs,$(MINIMAL_PKGS)) -lm
$(BUILD)/minimal-dynamic: $(PARTS)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(call pkg_libs,$(MINIMAL_PKGS)) -lm
$(BUILD)/minimal-worker: $(call objs,cache/worker) $(call lib,base)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(call pkg_libs,$(WORKER_PKGS))

define folder_rule
$(call lib,$(1)): $(call objs,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	$(AR) rcsD $$@ $$^
endef
$(foreach f,$(sort $(FOLDERS) $(WORKER_FOLDERS)),$(eval $(call folder_rule,$(f))))

$(BUILD)/obj/%.o: %.c | $(BUILD)/gen/std.h
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -c -o $@ $<

# Our own modules (minimal.ncl and the rest) as C strings.
$(BUILD)/gen/std.h: $(sort $(wildcard specs/std/*.ncl)) specs/std/embed.sh
	@mkdir -p $(@D)
	sh specs/std/embed.sh $(filter %.ncl,$^) > $@.new && mv $@.new $@

# ---- unit tests and fuzz targets: one program per file, named after its folder, linked with what that may use ---------
# A fuzz target is one file with LLVMFuzzerTestOneInput. `make fuzz` explores with clang; `make check` replays the corpus.
USES_base    := base
USES_lang    := specs/lang base
USES_specs   := specs specs/lang base
USES_store   := store base
USES_sandbox := sandbox base
USES_net     := net base
USES_cache   := cache store base
USES_worker  := cache/worker base
USES_builder := builder cache store specs specs/lang sandbox base
USES_harness := harness $(USES_builder)
uses = $(foreach f,$(USES_$(firstword $(subst _, ,$(1)))),$(if $(call srcs,$(f)),$(call lib,$(f))))
UNIT := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/*.c))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
unit: $(UNIT:%=$(BUILD)/unit/%)
fuzz-replay: $(FUZZ:%=$(BUILD)/fuzz/%)
define unit_rule
$(BUILD)/unit/$(1): $(BUILD)/obj/tests/unit/$(1).o $(call uses,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(call pkg_libs,$(if $(filter worker_%,$(1)),$(WORKER_PKGS),$(MINIMAL_PKGS)) cmocka) -lm
endef
define fuzz_rule
$(BUILD)/fuzz/$(1): $(BUILD)/obj/tests/fuzz/fuzz_$(1).o $(BUILD)/obj/tests/fuzz/replay.o $(call uses,$(1))
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) $$(LDFLAGS_ALL) -o $$@ $$^ $$(call pkg_libs,$(if $(filter worker_%,$(1)),$(WORKER_PKGS),$(MINIMAL_PKGS))) -lm
endef
$(foreach t,$(UNIT),$(eval $(call unit_rule,$(t))))
$(foreach t,$(FUZZ),$(eval $(call fuzz_rule,$(t))))
fuzz:
	CC=clang tests/fuzz/explore $(FUZZ)

# ---- tests, lint, measurements --------------------------------------------------------------------------------------
check: all unit fuzz-replay $(BUILD)/minimal-dynamic
	BUILD=$(abspath $(BUILD)) tests/run
check-long: all unit fuzz-replay $(BUILD)/minimal-dynamic
	BUILD=$(abspath $(BUILD)) tests/run --long
lint:
	BUILD=$(abspath $(BUILD)) tests/run lint
# Every spec of a registry's checkout, for both targets: make compat REGISTRY=DIR. EXPECT=1 compares the counts with those
# of the public registry's commit 66180261.
compat: $(BUILD)/tests/compat
	$(BUILD)/tests/compat $(if $(EXPECT),--expect) $(REGISTRY)
$(BUILD)/tests/compat: $(BUILD)/obj/tests/compat/compat.o $(foreach f,specs specs/lang base,$(call lib,$(f)))
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $^ $(call pkg_libs,$(MINIMAL_PKGS)) -lm
bench: all
	BUILD=$(abspath $(BUILD)) tests/bench/run

install: all
	install -D -m755 $(BUILD)/minimal $(DESTDIR)$(BINDIR)/minimal
	install -D -m755 $(BUILD)/minimal-worker $(DESTDIR)$(LIBEXECDIR)/minimal/minimal-worker
	mkdir -p $(DESTDIR)$(DATADIR)/minimal && cp -r registry $(DESTDIR)$(DATADIR)/minimal/
	for page in docs/man/*.[157]; do [ ! -f "$$page" ] || install -D -m644 $$page $(DESTDIR)$(MANDIR)/man$${page##*.}/$${page##*/}; done
uninstall:
	rm -rf $(DESTDIR)$(BINDIR)/minimal $(DESTDIR)$(LIBEXECDIR)/minimal $(DESTDIR)$(DATADIR)/minimal
format:
	clang-format -i $$(git ls-files '*.c' '*.h')
clean:
	rm -rf build
help:
	@echo 'all check check-long lint unit compat bench fuzz format install uninstall clean; VARIANT=asan|tsan|cov|fault'

.PHONY: all unit check check-long lint compat bench fuzz fuzz-replay install uninstall format clean help
.SECONDARY:
-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)
