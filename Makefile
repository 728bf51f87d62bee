# client-intake. `make demo` shows the main job, `make test` passes every test; `make help` lists the rest.
# BUILD=DIR puts the outcome elsewhere; SANITIZE=address,undefined (or thread) builds with sanitizers in its own folder.

CC       ?= cc
CXX      ?= c++
comma    := ,
SANITIZE ?=
BUILD    ?= build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))
PREFIX   ?= /usr/local
DESTDIR  ?=
VERSION  := 0.1.0

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Werror
CHECKED  := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DCLIENT_INTAKE_VERSION='"$(VERSION)"' \
            -DCLIENT_INTAKE_DATA='"$(PREFIX)/share/client-intake"'
CFLAGS   += -std=c11 -O2 -g $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes $(CHECKED)
CXXFLAGS += -std=c++17 -O2 -g $(WARNINGS) -fno-rtti $(CHECKED)
LDFLAGS  += $(CHECKED)
LDLIBS   += -lrdkafka -lhiredis -ljansson -linih -lidn2 -lunistring -lxxhash -luuid -lsimdjson -lstdc++ -lm -lpthread

SOURCES := $(sort $(wildcard common/*.c worker/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/common/json_simdjson.o
PARTS   := $(filter-out $(BUILD)/worker/main.o,$(OBJECTS))

# Unit tests and tests on the embedded broker link everything but main.
UNITS    := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/test_*.c)))
EMBEDDED := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/embedded/test_*.c)))
SHELL_TESTS := $(sort $(wildcard tests/*.sh tests/cli/*.sh))
LIVE_TESTS  := $(sort $(wildcard tests/live/*.sh))

# help: all            the program, build/client-intake
all: build-packages
	@$(MAKE) --no-print-directory $(BUILD)/client-intake

# help: demo           the main job, on parts that need nothing from outside: commands in, replies out
demo: demo-packages
	@$(MAKE) --no-print-directory $(BUILD)/client-intake
	@$(BUILD)/client-intake demo

# help: test           every test; those on a real Apache Kafka are skipped, loudly, where it cannot be had
test: test-packages
	@$(MAKE) --no-print-directory test-programs
	@BUILD=$(BUILD) tests/run $(UNITS) $(EMBEDDED) $(SHELL_TESTS) $(LIVE_TESTS)

# help: check          the unit tests and those on the embedded broker only
check: test-programs
	@BUILD=$(BUILD) tests/run $(UNITS) $(EMBEDDED)

# help: test-kafka     the flows on a real Apache Kafka and Redis; fails where they cannot be had
test-kafka: test-packages
	@$(MAKE) --no-print-directory test-programs
	@BUILD=$(BUILD) REQUIRE_KAFKA=1 tests/run $(LIVE_TESTS)

# help: sanitize       unit and embedded tests under the address and undefined-behaviour sanitizers
sanitize: test-packages
	@$(MAKE) --no-print-directory SANITIZE=address,undefined check

# help: bench          speed as JSON lines and ratios, beside a program that does the I/O and no thinking
bench: test-packages
	@$(MAKE) --no-print-directory $(BUILD)/client-intake $(BENCHES)
	@BUILD=$(BUILD) tests/bench/run

build-packages:
	@tests/install-packages build
demo-packages:
	@tests/install-packages build demo
test-packages:
	@tests/install-packages build demo test kafka

$(BUILD)/client-intake: $(OBJECTS)
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

# ---- the numbering plan: text to tables, by a program of the building machine ----

PLAN_COMPILER := $(BUILD)/common/gen/phone_plan_compile

$(PLAN_COMPILER): $(wildcard common/gen/*.c common/gen/*.h) common/phone.h common/span.h
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CC) -I. -D_GNU_SOURCE -std=c11 -O2 $(WARNINGS) -o $@ $(filter %.c,$^)

$(BUILD)/common/phone_table.h: common/data/numbering-plan.txt $(PLAN_COMPILER)
	@echo "  $@"
	@$(PLAN_COMPILER) $< $@

$(BUILD)/common/phone.o: $(BUILD)/common/phone_table.h

# ---- tests ----

$(EMBEDDED): $(BUILD)/tests/embedded/scene.o
$(UNITS) $(EMBEDDED): %: %.o $(PARTS)
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcheck -lsubunit -lrt

# The oracle shares no code with what it judges.
PRODUCE := commands command_text produce
ORACLE  := $(filter-out $(PRODUCE),$(basename $(notdir $(wildcard tests/live/*.c))))
LIVE_PROGRAMS := $(BUILD)/tests/live/oracle $(BUILD)/tests/live/produce
$(BUILD)/tests/live/produce: $(PRODUCE:%=$(BUILD)/tests/live/%.o)
$(BUILD)/tests/live/oracle: $(ORACLE:%=$(BUILD)/tests/live/%.o)
$(LIVE_PROGRAMS):
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ -lrdkafka -lhiredis -ljansson -lpthread

test-programs: $(BUILD)/client-intake $(UNITS) $(EMBEDDED) $(LIVE_PROGRAMS)

# ---- benchmarks ----

BENCHES := $(BUILD)/tests/bench/io_only $(BUILD)/tests/bench/load $(BUILD)/tests/bench/pure
BENCH_SHARED := $(patsubst %,$(BUILD)/tests/bench/%.o,client example measure probe)
$(BENCHES): %: %.o $(BENCH_SHARED)
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(BUILD)/tests/bench/pure: $(PARTS)

# ---- installing ----

# help: install        DESTDIR= PREFIX=/usr/local
install: all
	install -D -m 755 $(BUILD)/client-intake $(DESTDIR)$(PREFIX)/bin/client-intake
	install -D -m 644 config/client-intake.ini $(DESTDIR)$(PREFIX)/share/client-intake/client-intake.ini
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/client-intake/demo config/demo/commands.txt config/demo/definitions.json
	install -D -m 644 docs/client-intake.1 $(DESTDIR)$(PREFIX)/share/man/man1/client-intake.1

# help: format         clang-format over every source
format:
	clang-format -i $(wildcard common/*.[ch] common/*.cc common/gen/*.[ch] worker/*.[ch] tests/*/*.[ch] tests/*/*.cc)

# help: clean          removes build/
clean:
	rm -rf build

help:
	@sed -n 's/^# help: //p' Makefile

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.SECONDARY:
.PHONY: all demo test check test-kafka sanitize bench install format clean help test-programs \
        build-packages demo-packages test-packages
