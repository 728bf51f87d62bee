# client-intake. `make demo` shows the main job, `make test` passes every test; `make help` lists the rest.
# BUILD=DIR puts the outcome elsewhere; SANITIZE=address,undefined|thread builds with a sanitizer into its own folder.

CC       ?= cc
CXX      ?= c++
SANITIZE ?=
BUILD    ?= build$(if $(SANITIZE),/sanitize-$(firstword $(subst $(comma), ,$(SANITIZE))))
comma    := ,
PREFIX   ?= /usr/local
DESTDIR  ?=
VERSION  := 0.1.0

LIBRARIES := rdkafka hiredis jansson inih libmicrohttpd libidn2 liburiparser libxxhash uuid

WARNINGS := -Wall -Wextra -Wshadow -Wformat=2 -Werror
SANITIZER_FLAGS := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all -fno-omit-frame-pointer)
CPPFLAGS += -I. -I$(BUILD) -D_GNU_SOURCE -DCLIENT_INTAKE_VERSION='"$(VERSION)"'
CFLAGS   += -std=c11 -O2 -g $(WARNINGS) -Wstrict-prototypes -Wmissing-prototypes $(SANITIZER_FLAGS)
CXXFLAGS += -std=c++17 -O2 -g $(WARNINGS) -fno-rtti $(SANITIZER_FLAGS)
LDFLAGS  += $(SANITIZER_FLAGS)
LDLIBS   += -lrdkafka -lhiredis -ljansson -linih -lmicrohttpd -lidn2 -lunistring -luriparser -lxxhash -luuid -lsimdjson \
            -lstdc++ -lm -lpthread

SOURCES := $(sort $(wildcard common/*.c worker/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o) $(BUILD)/common/json_simdjson.o
PARTS   := $(filter-out $(BUILD)/worker/main.o,$(OBJECTS))
UNITS   := $(sort $(wildcard tests/unit/test_*.c))
UNIT_PROGRAMS := $(UNITS:%.c=$(BUILD)/%)

all: $(BUILD)/client-intake

$(BUILD)/client-intake: $(OBJECTS)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/%.o: %.cc
	@mkdir -p $(@D)
	$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/tests/unit/%: $(BUILD)/tests/unit/%.o $(PARTS)
	$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcheck -lsubunit -lrt

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

clean:
	rm -rf build

.PHONY: all clean
