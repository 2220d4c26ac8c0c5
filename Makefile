# `make demo` shows the library at work, `make test` proves it, `make help` lists the rest.

# Build output lies outside of the checkout, so that several checkouts share the compiled C libraries.
CARGO_TARGET_DIR ?= $(HOME)/.cache/streams-target
export CARGO_TARGET_DIR

# RocksDB and librdkafka are most of a build. With ccache, compiling them again takes seconds.
ifneq (,$(shell command -v ccache 2>/dev/null))
# Unless the caller chose compilers; make's own defaults are no choice.
ifneq (,$(filter default undefined,$(origin CC)))
export CC := ccache gcc
endif
ifneq (,$(filter default undefined,$(origin CXX)))
export CXX := ccache g++
endif
# The same object serves every checkout.
export CCACHE_NOHASHDIR := 1
endif

# The demo and the benchmark run optimised. Raising the level of the development profile, instead of building a release,
# leaves the dependencies as they are: they are optimised in every profile (Cargo.toml), so that a demo, a benchmark and
# a test compile them once.
FAST := CARGO_PROFILE_DEV_OPT_LEVEL=3 CARGO_PROFILE_DEV_DEBUG_ASSERTIONS=false

# How `make smoke` and `make storm` are narrowed, as in: make storm SEED=3 MINUTES=5 ONLY=kill_broker,network
SMOKE_ARGUMENTS = $(if $(RUNS),--runs $(RUNS)) $(if $(JUDGE),--judge $(JUDGE)) $(if $(GUARANTEE),--guarantee $(GUARANTEE)) \
	$(if $(FAULT),--fault $(FAULT)) $(if $(SEED),--seed $(SEED))
STORM_ARGUMENTS = $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(if $(ONLY),--only $(ONLY)) \
	$(if $(SCHEDULE),--schedule $(SCHEDULE))

# How `make demo` and `make bench` are narrowed, as in: make bench WORKLOADS=count,tumbling ROUNDS=3
DEMO_ARGUMENTS = $(if $(DATA),--data $(DATA)) $(if $(BOOTSTRAP),--bootstrap-servers $(BOOTSTRAP))
BENCH_ARGUMENTS = $(if $(WORKLOADS),--workloads $(WORKLOADS)) $(if $(GUARANTEES),--guarantees $(GUARANTEES)) \
	$(if $(SYSTEMS),--systems $(SYSTEMS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(RECORDS),--records $(RECORDS))

# What `make test-brokers` runs on.
BROKERS ?= 3.9.1 4.4.0

.PHONY: help compile-time demo test features package msrv deny campaigns backlog sanitize test-brokers lint bench oracle smoke storm kafka doc setup setup-build

help:
	@echo 'make demo   flight delays, all in memory           DATA=folder STATE=rocksdb BOOTSTRAP=host:port'
	@echo 'make test   formatting, lints, all tests           KAFKA_BOOTSTRAP=host:port: on that broker'
	@echo 'make package   packs the crates and compiles the packages'
	@echo 'make features  the library with each set of features'
	@echo 'make msrv   the lowest supported version of Rust'
	@echo 'make deny   licences and sources of all dependencies'
	@echo 'make campaigns  the field tests that take minutes each'
	@echo 'make backlog  memory under a backlog of gigabytes     PARTITIONS=400 MB=20 RECORD=10000'
	@echo 'make test-brokers  the suites on Kafka, with other brokers  BROKERS="3.9.1 4.4.0"'
	@echo 'make sanitize  the C interface of librdkafka under valgrind'
	@echo 'make bench  ours, Java Kafka Streams, raw limit    WORKLOADS= GUARANTEES= SYSTEMS= ROUNDS= RECORDS='
	@echo 'make oracle random cases on both engines            SEED=1 RUNS=500'
	@echo 'make smoke  Kafka Streams judges this library        RUNS=1 JUDGE= GUARANTEE= FAULT= SEED=1'
	@echo 'make storm  faults of all kinds by a seed            SEED=1 MINUTES=20 ONLY=kinds SCHEDULE=file'
	@echo 'make compile-time  what a program of ten operators costs to compile'
	@echo 'make kafka  a Kafka 4.3.1 to play with, until Ctrl-C'
	@echo 'make lint   formatting and lints'
	@echo 'make doc    the API documentation'
	@echo 'make setup  checks and installs what these need'

# Without Kafka and RocksDB there is no C or C++ to compile, which takes far longer than everything else.
IN_MEMORY = $(if $(BOOTSTRAP)$(STATE),,yes)
DEMO_FEATURES = $(if $(IN_MEMORY),--no-default-features)

demo:
	@.ci/setup $(if $(IN_MEMORY),demo,build)
	$(FAST) cargo run -p examples $(DEMO_FEATURES) --bin flights -- $(DEMO_ARGUMENTS)

test: setup lint features msrv package doc
	cargo test --workspace

# Packs the crates and compiles the packages, without C and C++.
package: setup
	cargo package -p state-stores -p streams-core -p streams-dsl -p kstreams --no-default-features --allow-dirty

# Checks all features with the lowest supported version of Rust. A check does not link, so no C or C++ is compiled: `--config`
# replaces the build scripts of three C libraries, and ROCKSDB_LIB_DIR reduces RocksDB's to its bindings. It has a target
# folder of its own because Cargo would otherwise repeat those build scripts in the next build.
RUST_VERSION = $(shell sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
HOST = $(shell rustc -vV | sed -n 's/^host: //p')
WITHOUT_C = $(foreach library,rdkafka z zstd,--config 'target.$(HOST).$(library).rustc-link-lib=[]')
msrv: setup
	CARGO_TARGET_DIR=$(CARGO_TARGET_DIR)/msrv ROCKSDB_LIB_DIR=. \
		rustup run $(RUST_VERSION) cargo check -p kstreams --features testing $(WITHOUT_C)

# Licences, sources and duplicates of all dependencies. `cargo deny check advisories` needs a database from the network.
deny:
	@.ci/setup deny
	cargo deny check licenses bans sources

# Each set of features that makes a difference to the code compiles without a warning; those with Kafka have `tls`, as all
# others here, so that librdkafka is compiled once.
FEATURES := chrono rocksdb testing rocksdb,testing tls tls,testing
features: setup
	cargo clippy -p streams-dsl -p kstreams --no-default-features -- -D warnings
	for features in $(FEATURES); do \
		cargo clippy -p streams-dsl -p kstreams --no-default-features --features $$features -- -D warnings || exit 1; \
	done
	cargo test -p streams-dsl --no-default-features --features testing --test without_features

# Hundreds of partitions and restores under a bound of memory; a group whose offsets would expire; fifty
# starts and ends in one process; members that come and go for minutes; thirty stops of a process. Random moments are
# others each time, unlike in `make test`; SEED, which is printed, repeats them.
campaigns: setup
	SEED=$${SEED:-$$$$} cargo test -p field -- --ignored --nocapture --test-threads=1

# Memory under the backlog of 400 partitions with 20 MB each, which are 8 GB on the broker's disk; in `make campaigns` it is
# 4 MB each.
backlog: setup
	PARTITIONS=$(or $(PARTITIONS),400) MB=$(or $(MB),20) RECORD=$(or $(RECORD),10000) \
		cargo test -p field --test memory campaign_of_hundreds -- --ignored --nocapture

# The brokers' version alone is another one; Kafka Streams, to which we compare, stays the one of tests/java.
test-brokers: setup
	for version in $(BROKERS); do \
		KAFKA_VERSION=$$version cargo test -p tests --test kafka --test transport_kafka || exit 1; \
	done

# librdkafka's C interface under valgrind, which sees what librdkafka itself does with memory, too: the tests of the code
# that is unsafe, clients that go while answers are on their way, and every call on a real Kafka. Leaks count in the first
# alone: librdkafka itself leaks a queue for a client that goes early, and so does the rdkafka crate's admin client, which
# the lab uses.
VALGRIND := valgrind --quiet --error-exitcode=99
LEAKS := --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite
RUNNER = CARGO_TARGET_$(shell echo $(HOST) | tr 'a-z-' 'A-Z_')_RUNNER

sanitize:
	@.ci/setup sanitize
	$(RUNNER)='$(VALGRIND) $(LEAKS)' cargo test -p streams-core --lib transport::kafka -- --test-threads=1 --skip ffi::stress
	$(RUNNER)='$(VALGRIND)' cargo test -p streams-core --lib ffi::stress
	$(RUNNER)='$(VALGRIND)' cargo test -p tests --test transport_kafka -- --test-threads=2

lint: setup
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings

# Builds all programs, as the benchmark starts those that it measures as processes of their own.
bench: setup
	$(FAST) cargo build -p tests --bins
	$(FAST) cargo run -p tests --bin bench -- $(BENCH_ARGUMENTS)

# Random cases on this library and on Kafka Streams, up to the first difference.
oracle: setup
	cargo run -p tests --bin oracle -- $(if $(SEED),--seed $(SEED)) $(if $(RUNS),--runs $(RUNS))

# Kafka Streams' own smoke tests as generators and verifiers, an application of this library between them.
smoke: setup
	cargo build -p smoke --bins
	cargo run -p smoke --bin smoke -- $(SMOKE_ARGUMENTS)

# Three brokers, three processes, and faults of all kinds.
storm: setup
	cargo build -p storm --bins
	cargo run -p storm --bin storm -- $(STORM_ARGUMENTS)

# What compiling a user's program costs, without C and C++.
compile-time:
	@.ci/setup demo
	.ci/compile-time

kafka: setup
	cargo run -p tests --bin kafka

doc: setup-build
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps

setup:
	@.ci/setup test

setup-build:
	@.ci/setup build
