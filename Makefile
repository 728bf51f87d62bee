# client-intake. `make demo` shows commands and their replies, `make test` runs every test; `make help` lists the rest.
# BUILD=DIR builds in another folder; SANITIZE=address,undefined (or thread) builds with sanitizers in its own folder.

CC       ?= cc
CXX      ?= c++
comma    := ,
SANITIZE ?=
BUILD    ?= build$(if $(SANITIZE),/$(subst $(comma),-,$(SANITIZE)))
PREFIX   ?= /usr/local
DESTDIR  ?=
VERSION  := 0.1.0

# What make calls itself for is built with every processor, unless -j tells how many.
JOBS = $(if $(findstring -j,$(MAKEFLAGS)),,--jobs=$(shell nproc))

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Werror
CHECKED  := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DCLIENT_INTAKE_VERSION='"$(VERSION)"'
CFLAGS   += -std=c11 -O2 -g $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes $(CHECKED)
CXXFLAGS += -std=c++17 -O2 -g $(WARNINGS) -fno-rtti $(CHECKED)
LDFLAGS  += $(CHECKED)
LDLIBS   += -lrdkafka -lcrypto -lhiredis -lmicrohttpd -lcurl -ljansson -linih -lidn2 -lunistring -lxxhash -lstdc++ -lm -lpthread

# TLS to Redis, where hiredis has it: 1.0 and later, not in Debian 12.
REDIS_TLS := $(shell printf '\043include <%s>\n' hiredis/hiredis_ssl.h openssl/ssl.h | $(CC) $(CPPFLAGS) -E -x c - >/dev/null 2>&1 && echo 1 || echo 0)
CPPFLAGS  += -DCLIENT_INTAKE_REDIS_TLS=$(REDIS_TLS)
LDLIBS    += $(if $(filter 1,$(REDIS_TLS)),-lhiredis_ssl -lssl -lcrypto)

SOURCES := $(filter-out worker/redis/redis_tls$(if $(filter 1,$(REDIS_TLS)),_none).c,$(sort $(wildcard common/*.c worker/*.c worker/*/*.c)))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(patsubst %.cc,$(BUILD)/%.o,$(wildcard common/*.cc))
PARTS   := $(filter-out $(BUILD)/worker/main.o,$(OBJECTS))
# In an archive, of which the linker takes what a program needs: hardly half of a test's time to link.
PARTS_ARCHIVE := $(BUILD)/parts.a

# Programs of the tests alone are linked by gold where it is there, in a quarter of the time.
TEST_LINKER := $(if $(shell command -v ld.gold),-fuse-ld=gold)

# Unit tests and tests on the embedded broker link everything but main.
UNITS    := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/unit/test_*.c)))
EMBEDDED := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard tests/embedded/test_*.c)))
SHELL_TESTS := $(sort $(wildcard tests/*.sh tests/phone/*.sh tests/fuzz/*.sh))
LIVE_TESTS  := $(sort $(wildcard tests/live/*.sh tests/documents/*.sh tests/clients/*.sh))
FAULT_TESTS := $(sort $(wildcard tests/faults/*.sh))
# Further suites that have a long form.
LONG_TESTS  := $(patsubst %,tests/live/%.sh,replay replay_oracle kubernetes redis_cluster definitions_cluster)

# Suites wait for about half of their time. With five at a time on two processors `make test` takes 13 minutes. With seven
# the processors are busy all the time, and it takes no less. tests/run begins with the longest.
LANES := $(if $(SANITIZE),1,5)

# help: all            the program, build/client-intake
all: build-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake

# help: demo           commands, their replies, and what other definitions would have decided, with embedded servers
demo: demo-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake
	@$(BUILD)/client-intake demo

# help: test           every test; those on a real Apache Kafka are skipped, with a message, where it is missing
test: test-packages
	@$(MAKE) --no-print-directory $(JOBS) test-programs
	@BUILD=$(BUILD) tests/run --lanes $(LANES) $(FAULT_TESTS) $(LIVE_TESTS) $(EMBEDDED) $(SHELL_TESTS) $(UNITS) $(DIFFERENTIAL)

# help: check          the unit tests and those on the embedded broker only
check: $(BUILD)/client-intake $(UNITS) $(EMBEDDED)
	@BUILD=$(BUILD) tests/run --lanes $(LANES) $(EMBEDDED) $(UNITS)

# help: test-kafka     the flows on a real Apache Kafka and Redis; fails where they are missing
test-kafka: test-packages
	@$(MAKE) --no-print-directory $(JOBS) test-programs
	@BUILD=$(BUILD) REQUIRE_KAFKA=1 tests/run --lanes $(LANES) $(LIVE_TESTS)

# help: test-faults    every fault, each with its pass criterion, for most of an hour; `make test` has a selection
test-faults: test-packages
	@$(MAKE) --no-print-directory $(JOBS) test-programs
	@BUILD=$(BUILD) REQUIRE_KAFKA=1 FAULTS=all SUITE_SECONDS=1200 tests/run --lanes $(LANES) $(FAULT_TESTS) $(LONG_TESTS)

# help: test-debian13  in a clean Debian 13: the unit and embedded tests, and what Debian 12 skips; SUITES="..." for others
test-debian13:
	@tests/debian13 $(SUITES)

# help: trial          what docs/clients.md says, in a clean Debian 13 with empty caches, and how long it takes; EXAMPLES="..." for some
trial:
	@tests/clients/trial $(EXAMPLES)

# help: lint           clang-format, clang-tidy, cppcheck and shellcheck over the source
lint: build-packages lint-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake
	@BUILD=$(BUILD) tests/run tests/lint/lint.sh

# help: soak           load and faults for MINUTES=10 on a real Apache Kafka and Redis; SEED=number repeats a run's faults
soak: export MINUTES := $(or $(MINUTES),10)
soak: test-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake $(LIVE_PROGRAMS)
	@BUILD=$(BUILD) REQUIRE_KAFKA=1 bash tests/soak/soak.sh

# help: sanitize       unit and embedded tests under the address and undefined-behaviour sanitizers
sanitize: test-packages
	@$(MAKE) --no-print-directory $(JOBS) SANITIZE=address,undefined check

# help: bench          speed as JSON lines and ratios, compared with a program that does the same I/O without processing; JUDGE=1 for limits
bench: test-packages bench-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake $(BENCHES) $(BUILD)/tests/live/replay_history
	@BUILD=$(BUILD) tests/bench/run $(if $(JUDGE),--judge)

# help: bench-scale    whether the cost of a command depends on the numbers of workspaces and partitions, as JSON lines; JUDGE=1 for limits
bench-scale: test-packages bench-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake $(BENCHES)
	@BUILD=$(BUILD) tests/bench/scale $(if $(JUDGE),--judge)

# help: bench-definitions  speed of definitions look-ups, as JSON lines (2 GB of memory, about a minute)
bench-definitions: test-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/tests/bench/definitions
	@$(BUILD)/tests/bench/definitions

# help: bench-decision  what a claim costs Redis, by MULTI and by a script, as JSON lines (about a minute)
bench-decision: test-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/tests/bench/decision
	@$(BUILD)/tests/bench/decision

# help: bench-sizing   what an installation needs of Redis, measured, and beside it what is simulated, as JSON lines (1 GB of memory, about four minutes)
bench-sizing: test-packages bench-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake $(BENCHES)
	@BUILD=$(BUILD) tests/bench/sizing

build-packages:
	@tests/install-packages build
demo-packages:
	@tests/install-packages build demo
test-packages:
	@tests/install-packages build demo test kafka clients page
lint-packages:
	@tests/install-packages lint
bench-packages:
	@tests/install-packages bench

# Sanitizers have their own allocator.
$(BUILD)/client-intake: $(OBJECTS)
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(if $(SANITIZE),,-ljemalloc)

$(PARTS_ARCHIVE): $(PARTS)
	@echo "  $@"
	@rm -f $@
	@$(AR) rcs $@ $^

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

# The rooms that every command goes through. Sanitizers make GCC warn where nothing is wrong.
$(addprefix $(BUILD)/,common/%.o worker/model/%.o worker/validate/%.o): CFLAGS += $(if $(SANITIZE),,-O3)

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

# ---- the numbering plan: a program of the build machine compiles text to tables ----

PLAN_COMPILER := $(BUILD)/common/gen/phone_plan_compile

$(PLAN_COMPILER): $(wildcard common/gen/*.c common/gen/*.h) common/phone.h common/span.h
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CC) -I. -D_GNU_SOURCE -std=c11 -O2 $(WARNINGS) -o $@ $(filter %.c,$^)

$(BUILD)/common/phone_table.h: common/data/numbering-plan.txt $(PLAN_COMPILER)
	@echo "  $@"
	@$(PLAN_COMPILER) $< $@

$(BUILD)/common/phone.o: $(BUILD)/common/phone_table.h

# The assembler includes these files, so the compiler does not report them as dependencies.
$(BUILD)/worker/http/status_page.o: worker/http/status_page.html
$(BUILD)/worker/index/index_scripts.o: $(wildcard worker/index/*.lua)
$(BUILD)/worker/definitions/definitions_cluster_change.o: worker/definitions/definitions_change.lua

# ---- phone numbers: the plan's data, and the comparison with libphonenumber ----

# help: phone-plan     fetches the newest numbering plan into common/data (needs python3 and the network)
phone-plan:
	@mkdir -p $(BUILD)
	python3 -m venv --clear $(BUILD)/phone-plan
	$(BUILD)/phone-plan/bin/pip install --quiet --disable-pip-version-check phonenumbers
	$(BUILD)/phone-plan/bin/python common/gen/phone_plan_refresh.py > $(BUILD)/numbering-plan.txt.part
	mv $(BUILD)/numbering-plan.txt.part common/data/numbering-plan.txt

# The same compiler and walk with libphonenumber's own metadata, compared with libphonenumber.
DIFFERENTIAL       := $(BUILD)/tests/phone/differential
PHONE_LIBRARY_LIBS := -lphonenumber $(shell pkg-config --libs protobuf-lite 2>/dev/null || echo -lprotobuf-lite) -lpthread

$(BUILD)/tests/phone/library_plan: $(BUILD)/tests/phone/library_plan.o
	$(CXX) $(LDFLAGS) -o $@ $^ $(PHONE_LIBRARY_LIBS)

$(BUILD)/tests/phone/library_plan.txt: $(BUILD)/tests/phone/library_plan
	$< > $@.part
	mv $@.part $@

$(BUILD)/tests/phone/library/common/phone_table.h: $(BUILD)/tests/phone/library_plan.txt $(PLAN_COMPILER)
	@mkdir -p $(@D)
	$(PLAN_COMPILER) $< $@

$(BUILD)/tests/phone/phone.o: common/phone.c common/phone.h $(BUILD)/tests/phone/library/common/phone_table.h
	$(CC) -I$(BUILD)/tests/phone/library $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# GCC 12 warns that std::regex is uninitialized when it builds with a sanitizer.
$(BUILD)/tests/phone/differential.o: CXXFLAGS += -O1 -Wno-maybe-uninitialized

$(DIFFERENTIAL): $(BUILD)/tests/phone/differential.o $(BUILD)/tests/phone/phone.o
	$(CXX) $(LDFLAGS) -o $@ $^ $(PHONE_LIBRARY_LIBS)

$(BUILD)/tests/phone/bench: $(BUILD)/tests/phone/bench.o $(BUILD)/common/phone.o
	$(CXX) $(LDFLAGS) -o $@ $^ $(PHONE_LIBRARY_LIBS)

# help: test-phone     five million numbers against libphonenumber
test-phone: test-packages
	@$(MAKE) --no-print-directory $(JOBS) $(DIFFERENTIAL)
	@$(DIFFERENTIAL) 5000000

# help: bench-phone    the cost of one number, compared with libphonenumber
bench-phone: test-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/tests/phone/bench
	@$(BUILD)/tests/phone/bench

# ---- tests ----

# They run once: -O1 compiles them in two thirds of the time of -O2.
$(UNITS:%=%.o) $(EMBEDDED:%=%.o): CFLAGS += -O1

# What they share: all that need the embedded broker, and some of one noun.
$(EMBEDDED): $(patsubst %,$(BUILD)/tests/embedded/%.o,fixture side_by_side worker_stage fake_redis)
$(filter $(BUILD)/tests/embedded/test_source%,$(EMBEDDED)): $(BUILD)/tests/embedded/unusual_kafka.o
$(filter $(BUILD)/tests/embedded/test_http%,$(EMBEDDED)): $(BUILD)/tests/embedded/http_stage.o
$(BUILD)/tests/unit/test_messages: $(BUILD)/tests/unit/message_rows.o
$(patsubst %,$(BUILD)/tests/unit/test_%,status verdict verdict_commands): $(BUILD)/tests/unit/status_stage.o
$(filter $(BUILD)/tests/unit/test_phone%,$(UNITS)): $(BUILD)/tests/unit/phone_stage.o
$(filter $(BUILD)/tests/unit/test_config%,$(UNITS)): $(BUILD)/tests/unit/config_stage.o
$(filter-out $(BUILD)/tests/unit/test_no_memory,$(UNITS)) $(EMBEDDED): %: %.o $(PARTS_ARCHIVE)
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $(filter %.o,$^) $(PARTS_ARCHIVE) $(LDLIBS) -lcheck -lsubunit -luuid -lrt -lm

# The program's objects in one, in which these calls for memory go to tests/unit/failing_allocator.c.
FAILING_CALLS := malloc calloc realloc reallocarray aligned_alloc strdup strndup vasprintf free mmap munmap fopen \
                 open_memstream
$(BUILD)/tests/unit/failing_parts.o: $(PARTS)
	@mkdir -p $(@D)
	@echo "  $@"
	@$(LD) -r -o $@ $^
	@objcopy $(foreach call,$(FAILING_CALLS),--redefine-sym $(call)=failing_$(call)) $@

$(BUILD)/tests/unit/test_no_memory: %: %.o $(BUILD)/tests/unit/failing_allocator.o $(BUILD)/tests/unit/failing_parts.o
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcheck -lsubunit -luuid -lrt -lm

# Kafka's error codes on the embedded broker.
ERROR_CODES := $(BUILD)/tests/faults/error_codes
$(ERROR_CODES): $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/faults/error_*.c)) $(BUILD)/tests/embedded/fixture.o $(PARTS_ARCHIVE)
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcheck -lsubunit -luuid -lrt -lm

# The oracle shares no code with the program that it checks.
PRODUCE := commands command_text produce
TAMPER   := arena tamper tamper_client history message
REPLAY_DUMP    := replay_dump arena history message
REPLAY_HISTORY := replay_history replay_plan replay_reply replay_distort replay_sink tamper_client
REPLAY_ORACLE  := arena $(patsubst %,replay_%,oracle world command decide verdict tally changes judge judge_summary report)
ORACLE  := $(filter-out $(PRODUCE) tamper tamper_client cluster_probe definitions_probe replay_%,$(basename $(notdir $(wildcard tests/live/*.c))))
LIVE_PROGRAMS := $(patsubst %,$(BUILD)/tests/live/%,oracle produce tamper replay_dump replay_history replay_marks replay_oracle)
$(BUILD)/tests/live/produce: $(PRODUCE:%=$(BUILD)/tests/live/%.o)
$(BUILD)/tests/live/tamper: $(TAMPER:%=$(BUILD)/tests/live/%.o)
$(BUILD)/tests/live/oracle: $(ORACLE:%=$(BUILD)/tests/live/%.o)
$(BUILD)/tests/live/replay_dump: $(REPLAY_DUMP:%=$(BUILD)/tests/live/%.o)
$(BUILD)/tests/live/replay_history: $(REPLAY_HISTORY:%=$(BUILD)/tests/live/%.o)
$(BUILD)/tests/live/replay_marks: $(BUILD)/tests/live/replay_marks.o
$(BUILD)/tests/live/replay_oracle: $(REPLAY_ORACLE:%=$(BUILD)/tests/live/%.o)

# The history of the examples in the documents.
SEND_LINES := $(BUILD)/tests/documents/send_lines
$(SEND_LINES): %: %.o
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^ -lrdkafka

# What the program's own parts read of a history.
REPLAY_READER := $(BUILD)/tests/live/replay_reader
$(REPLAY_READER): $(REPLAY_READER).o $(PARTS_ARCHIVE)
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^ $(LDLIBS)
test-programs: $(REPLAY_READER)

# What the program's own parts say of a Redis Cluster, and do with the definitions there.
CLUSTER_PROBE := $(BUILD)/tests/live/cluster_probe $(BUILD)/tests/live/definitions_probe
$(CLUSTER_PROBE): %: %.o $(PARTS_ARCHIVE)
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^ $(LDLIBS)
test-programs: $(CLUSTER_PROBE)

# The daemon with failpoints that end it.
DEADLY := $(BUILD)/tests/faults/client-intake
$(DEADLY): $(OBJECTS) $(BUILD)/tests/faults/failpoint.o
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) $(if $(SANITIZE),,-ljemalloc)

$(LIVE_PROGRAMS):
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^ -lrdkafka -lhiredis -ljansson -lxxhash -lpthread

# Further programs for the suites of tests/faults; a suite that needs a program adds it here.
FAULT_PROGRAMS := $(DEADLY) $(ERROR_CODES) $(patsubst %,$(BUILD)/tests/faults/%,proxy acl terminal)
$(BUILD)/tests/faults/proxy: $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/faults/proxy*.c))
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^
$(BUILD)/tests/faults/acl $(BUILD)/tests/faults/terminal: %: %.o
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^

# Hostile commands, and topics that change while the daemon runs.
PRESSURE_PROGRAMS := $(patsubst %,$(BUILD)/tests/faults/%,poison topic_config name_topics form wrong_offsets transactions)
FAULT_PROGRAMS    += $(PRESSURE_PROGRAMS)
$(PRESSURE_PROGRAMS): %: %.o
	@echo "  $@"
	@$(CC) $(TEST_LINKER) $(LDFLAGS) -o $@ $^ -lrdkafka -ljansson

test-programs: $(BUILD)/client-intake $(UNITS) $(EMBEDDED) $(LIVE_PROGRAMS) $(SEND_LINES) $(FAULT_PROGRAMS) $(DIFFERENTIAL) fuzzers

# What tests/debian13 runs there.
DEBIAN13_TESTS := tests/faults/not_authorized.sh tests/faults/unparsed.sh \
                  $(addprefix tests/live/,security.sh redis_tls.sh redis_cluster.sh service.sh replay_range.sh) \
                  $(addprefix tests/,check_documents.sh check_reference.sh check_package.sh demo.sh)
debian13-programs: $(BUILD)/client-intake $(UNITS) $(EMBEDDED) $(LIVE_PROGRAMS) $(REPLAY_READER) $(CLUSTER_PROBE) $(DEADLY) \
                   $(patsubst %,$(BUILD)/tests/faults/%,topic_config acl wrong_offsets transactions)
debian13-suites:
	@BUILD=$(BUILD) tests/run --lanes 4 $(or $(SUITES),$(DEBIAN13_TESTS) $(EMBEDDED) $(UNITS))

# ---- fuzzing: the pure path, built by clang with libFuzzer's instrumentation ----

CLANG   ?= clang
FUZZERS := $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
# The rooms of the pure path. They do no I/O; config has librdkafka check the settings that it passes on.
FUZZ_ROOMS := model config validate
FUZZ_OBJECTS := $(patsubst %.c,$(BUILD)/fuzz/%.o,$(sort $(wildcard common/*.c)) $(sort $(wildcard $(FUZZ_ROOMS:%=worker/%/*.c)))) \
                $(patsubst %.cc,$(BUILD)/fuzz/%.o,$(wildcard common/*.cc)) $(BUILD)/fuzz/tests/fuzz/fuzz.o
FUZZ_CHECKED := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all

$(BUILD)/fuzz/%.o: %.c
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CLANG) $(CPPFLAGS) -std=c11 -Wall -Wextra $(FUZZ_CHECKED) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/%.o: %.cc
	@mkdir -p $(@D)
	@echo "  $@"
	@$(CLANG) $(CPPFLAGS) -std=c++17 -fno-rtti $(FUZZ_CHECKED) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

$(BUILD)/fuzz/common/phone.o: $(BUILD)/common/phone_table.h
$(FUZZERS): $(BUILD)/fuzz/%: $(BUILD)/fuzz/tests/fuzz/%.o $(FUZZ_OBJECTS)
	@echo "  $@"
	@$(CLANG) $(FUZZ_CHECKED) -fsanitize=fuzzer -o $@ $^ $(LDLIBS)

# Without clang there are none, and tests/fuzz/run.sh reports that.
fuzzers: $(if $(shell command -v $(CLANG)),$(FUZZERS))

# help: fuzz           each fuzz target for a minute (FUZZ_SECONDS=60), or only FUZZ=phone
fuzz: test-packages
	@$(MAKE) --no-print-directory $(JOBS) fuzzers
	@BUILD=$(BUILD) FUZZ_SECONDS=$${FUZZ_SECONDS:-60} bash tests/fuzz/run.sh $(FUZZ)

# ---- benchmarks ----

BENCHES := $(patsubst %,$(BUILD)/tests/bench/%,io_only load pure definitions replay_bare timed decision sizing_fill sizing_costs sizing_simulate)
BENCH_SHARED := $(patsubst %,$(BUILD)/tests/bench/%.o,client example measure probe)
# A change that breaks one of them shows in `make test`.
test-programs: $(BENCHES)
$(BENCHES): %: %.o $(BENCH_SHARED)
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)
$(patsubst %,$(BUILD)/tests/bench/%,pure definitions decision): $(PARTS)
$(BUILD)/tests/bench/io_only: $(BUILD)/tests/bench/relay.o
SIZING := $(patsubst %,$(BUILD)/tests/bench/sizing_%,fill costs simulate)
$(filter-out %_simulate,$(SIZING)): $(BUILD)/tests/bench/sizing_redis.o
$(BUILD)/tests/bench/sizing_simulate: $(patsubst %,$(BUILD)/tests/bench/sizing_%.o,bytes cost memory spread)
$(SIZING): $(patsubst %,$(BUILD)/tests/bench/sizing_%.o,crowd drafts) $(PARTS_ARCHIVE)

# ---- what is made of the program's tables: a manual, and completion for shells ----

REFERENCE := $(BUILD)/docs/gen/reference
REFERENCE_TEXTS := $(patsubst %,$(BUILD)/docs/%,client-intake.ini.5 client-intake.bash _client-intake)

$(REFERENCE): $(patsubst %.c,$(BUILD)/%.o,$(wildcard docs/gen/*.c)) $(PARTS_ARCHIVE)
	@echo "  $@"
	@$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/docs/client-intake.ini.5: config/client-intake.ini $(REFERENCE)
	@echo "  $@"
	@$(REFERENCE) manual $< >$@.part
	@mv $@.part $@

$(BUILD)/docs/client-intake.bash: $(REFERENCE)
	@echo "  $@"
	@$(REFERENCE) bash >$@.part
	@mv $@.part $@

$(BUILD)/docs/_client-intake: $(REFERENCE)
	@echo "  $@"
	@$(REFERENCE) zsh >$@.part
	@mv $@.part $@

# help: reference      the manual of the config, and completion for bash and zsh, in build/docs
reference: build-packages
	@$(MAKE) --no-print-directory $(JOBS) $(REFERENCE_TEXTS)
test-programs debian13-programs: $(REFERENCE_TEXTS)

# ---- installing ----

# Debian has another folder for what packages install.
ZSH_FOLDER := site-functions

# help: install        DESTDIR= PREFIX=/usr/local
install: build-packages
	@$(MAKE) --no-print-directory $(JOBS) $(BUILD)/client-intake $(REFERENCE_TEXTS)
	install -D -m 755 $(BUILD)/client-intake $(DESTDIR)$(PREFIX)/bin/client-intake
	install -D -m 644 config/client-intake.ini $(DESTDIR)$(PREFIX)/share/client-intake/client-intake.ini
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/client-intake/demo $(wildcard config/demo/*)
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/client-intake README.md CHANGELOG.md
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/client-intake/docs docs/*.md docs/asyncapi.yaml docs/page.png
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/client-intake/schemas $(wildcard docs/schemas/*.json)
	ln -sfn ../../../client-intake/schemas $(DESTDIR)$(PREFIX)/share/doc/client-intake/docs/schemas
	install -D -m 644 docs/client-intake.1 $(DESTDIR)$(PREFIX)/share/man/man1/client-intake.1
	install -D -m 644 $(BUILD)/docs/client-intake.ini.5 $(DESTDIR)$(PREFIX)/share/man/man5/client-intake.ini.5
	install -D -m 644 $(BUILD)/docs/client-intake.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/client-intake
	install -D -m 644 $(BUILD)/docs/_client-intake $(DESTDIR)$(PREFIX)/share/zsh/$(ZSH_FOLDER)/_client-intake
	install -d -m 755 $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|^ExecStart=/usr/local/|ExecStart=$(PREFIX)/|' config/client-intake.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/client-intake.service

# help: deb            a package for the Debian on which it runs, in build/deb; DEBFULLNAME= and DEBEMAIL= name the maintainer
deb: build-packages
	+@BUILD=$(BUILD) VERSION=$(VERSION) config/debian/build

# help: format         clang-format over every source
format:
	clang-format -i $(wildcard common/*.[ch] common/*.cc common/gen/*.[ch] docs/gen/*.[ch] worker/*.[ch] worker/*/*.[ch] tests/*/*.[ch] tests/*/*.cc)

# help: clean          removes build/
clean:
	rm -rf build

help:
	@sed -n 's/^# help: //p' Makefile

-include $(shell find $(BUILD) -type f -name '*.d' 2>/dev/null)

.SECONDARY:
.PHONY: all demo test check test-kafka test-faults trial soak sanitize bench bench-scale bench-definitions bench-decision bench-sizing phone-plan test-phone bench-phone fuzz fuzzers reference install deb format clean help test-programs \
        test-debian13 debian13-programs debian13-suites build-packages demo-packages test-packages lint lint-packages bench-packages
